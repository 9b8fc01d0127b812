-- requires: upkeep/vault_partition.sql, upkeep/lock_partitions.sql, upkeep/split_newest.sql
-- Ends the newest partition, which reaches to MAXVALUE, although it holds records: as after months without upkeep, once the
-- present time lies in it. By steps, each a transaction of its own; more: the next one is due at once.
-- 1. A check constraint, not valid yet, says where it shall end: at a boundary at least 30 days ahead, and after its newest record.
-- 2. The constraint is validated, one table a step. That reads the partition while everybody writes.
-- 3. It ends there, which the constraint proves, so that nothing is read under the locks, and a new one goes on from there.
-- A constraint that is not followed by the last step within the 30 days would refuse records: where less than a week is left,
-- the first thing done is to take it away. Records that lie more than a year ahead keep the partition wide for good.
create or replace function script_tracking_internal.cut_newest(out done integer, out more boolean)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set lock_timeout = '200ms'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_unit   text := (select s.value from script_tracking_internal.setting as s where s.name = 'partitions.interval');
  v_step   interval := ('1 ' || v_unit)::interval;
  v_bound  timestamptz;
  v_newest timestamptz;
  v_filled boolean := false;
  v_found  boolean;
  v_wide   record;
begin
  done := 0;
  more := false;
  -- most often: the newest one lies ahead
  if not exists (
    select from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' and p.lower_bound <= now())
  then
    return;
  end if;
  lock table script_tracking_internal.schema_migration in share row exclusive mode;
  select min(substring(pg_get_constraintdef(o.oid) from '< ''([^'']*)''')::timestamptz) into v_bound
  from script_tracking_internal.vault_partition as p
  join pg_constraint as o on o.conrelid = p.partition and o.conname = 'partition_cut'
  where p.upper_bound = 'infinity';
  if v_bound < now() + interval '7 days' then
    perform script_tracking_internal.lock_partitions(array(
      select p.partition from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' order by p.place));
    for v_wide in select p.* from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' loop
      execute format('alter table %s drop constraint if exists partition_cut', v_wide.partition);
    end loop;
    more := true;
    return;
  elsif exists (
    select from script_tracking_internal.vault_partition as p
    where p.upper_bound = 'infinity'
      and not exists (select from pg_constraint as o where o.conrelid = p.partition and o.conname = 'partition_cut'))
  then
    if v_bound is null then
      v_newest := now() + interval '30 days';
      for v_wide in select p.* from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' loop
        execute format('select exists (select from %s)', v_wide.partition) into v_found;
        v_filled := v_filled or v_found;
        execute format('select greatest($1, max(%I)) from %s', v_wide.time_column, v_wide.partition) into v_newest using v_newest;
      end loop;
      if not v_filled or v_newest > now() + interval '1 year' then
        return;
      end if;
      v_bound := date_trunc(v_unit, v_newest) + v_step;
    end if;
    perform script_tracking_internal.lock_partitions(array(
      select p.partition from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' order by p.place));
    for v_wide in
      select p.* from script_tracking_internal.vault_partition as p
      where p.upper_bound = 'infinity'
        and not exists (select from pg_constraint as o where o.conrelid = p.partition and o.conname = 'partition_cut')
    loop
      execute format('alter table %s add constraint partition_cut check (%I >= %L and %I < %L) not valid', v_wide.partition,
        v_wide.time_column, v_wide.lower_bound, v_wide.time_column, v_bound);
    end loop;
    more := true;
    return;
  end if;
  for v_wide in
    select p.* from script_tracking_internal.vault_partition as p
    join pg_constraint as o on o.conrelid = p.partition and o.conname = 'partition_cut'
    where p.upper_bound = 'infinity' and not o.convalidated
    order by p.place limit 1
  loop
    execute format('alter table %s validate constraint partition_cut', v_wide.partition);
    more := true;
    return;
  end loop;
  done := script_tracking_internal.split_newest(array[v_bound], v_step);
end
$function$;
