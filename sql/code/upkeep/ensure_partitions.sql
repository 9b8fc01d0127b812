-- requires: upkeep/vault_partition.sql, upkeep/make_partition.sql, upkeep/attach_partition.sql, upkeep/complete_partitions.sql, upkeep/lock_partitions.sql
-- Keeps partitions ready, the same of every partitioned table. The newest one reaches to MAXVALUE; it is split while it is
-- empty, else it stays wide and health says so. Returns how many partitions were made, of at most 8 periods: nobody is to
-- wait for long. Raises 55P03 when a lock is not had in 100 ms; the caller tries again later.
create or replace function script_tracking_internal.ensure_partitions()
returns integer
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
  v_ahead  integer := (select s.value::integer from script_tracking_internal.setting as s where s.name = 'partitions.ahead');
  v_wanted timestamptz := date_trunc('month', now()) + make_interval(months => v_ahead);
  v_newest timestamptz;
  v_bounds timestamptz[] := '{}';
  v_new    regclass[] := '{}';
  v_wide   record;
  v_filled boolean;
  v_made   integer;
begin
  select min(p.lower_bound) into v_newest
  from script_tracking_internal.vault_partition as p where p.relation = 'script_execution_s' and p.upper_bound = 'infinity';
  if v_newest >= v_wanted and not exists (
    select from script_tracking_internal.vault_partition as p
    group by p.lower_bound having count(*) < (select count(*) from script_tracking_internal.partitioned_tables()))
  then
    return 0;
  end if;
  -- one at a time, installer included, and the event triggers know upkeep by it; only the owner can take it, readers do
  -- not feel it
  lock table script_tracking_internal.schema_migration in share row exclusive mode;
  v_made := script_tracking_internal.complete_partitions();
  select min(p.lower_bound) into v_newest
  from script_tracking_internal.vault_partition as p where p.relation = 'script_execution_s' and p.upper_bound = 'infinity';
  while v_newest < v_wanted and cardinality(v_bounds) < 8 loop
    -- time that has passed without a record gets no partitions of its own
    v_newest := date_trunc('month', greatest(v_newest, now())) + interval '1 month';
    v_bounds := v_bounds || v_newest;
  end loop;
  if v_bounds = '{}' then
    return v_made;
  end if;
  for v_wide in
    select p.* from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' order by p.place
  loop
    execute format('select exists (select from %s)', v_wide.partition) into v_filled;
    if v_filled then
      return v_made;
    end if;
    for v_place in 1 .. cardinality(v_bounds) loop
      v_new := v_new || script_tracking_internal.make_partition(v_wide.relation, to_char(v_bounds[v_place], '_YYYYMM'));
    end loop;
  end loop;
  perform script_tracking_internal.lock_partitions(array(
    select p.partition from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' order by p.place));
  for v_wide in
    select p.* from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' order by p.place
  loop
    execute format('select exists (select from %s)', v_wide.partition) into v_filled;
    if v_filled then
      raise exception using errcode = '55P03', message = 'the newest partition was written to while it was to be split';
    end if;
    execute format('alter table script_tracking.%I detach partition %s', v_wide.relation, v_wide.partition);
    perform script_tracking_internal.attach_partition(v_wide.relation, v_wide.partition, v_wide.lower_bound, v_bounds[1]);
    for v_place in 1 .. cardinality(v_bounds) loop
      perform script_tracking_internal.attach_partition(v_wide.relation, v_new[1], v_bounds[v_place],
        coalesce(v_bounds[v_place + 1], 'infinity'));
      v_new := v_new[2:];
      v_made := v_made + 1;
    end loop;
  end loop;
  return v_made;
end
$function$;
