-- requires: upkeep/vault_partition.sql, upkeep/lock_partitions.sql, upkeep/roll_up.sql, upkeep/carry_partition.sql, upkeep/is_partition_in_use.sql
-- Removes whole partitions that are older than the retention. While nothing archives the record, only what the setting
-- retention.disposable declares disposable goes: by default nothing, and a NOTICE says so.
-- A partition stays while an operation of it runs, or while the totals have not taken all its rows in.
-- Returns the number of executions removed. Raises ST003 for a negative retention, 55P03 when a lock is not had in 100 ms.
create or replace function script_tracking.cleanup_old_data(retention_days integer)
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
  v_disposable text := (select s.value from script_tracking_internal.setting as s where s.name = 'retention.disposable');
  v_oldest     timestamptz;
  v_part       record;
  v_ends       timestamptz[] := '{}';
  v_rows       bigint;
  v_removed    bigint := 0;
begin
  if cleanup_old_data.retention_days is null or cleanup_old_data.retention_days < 0 then
    raise exception using errcode = 'ST003', message = 'retention_days must be zero or more';
  elsif v_disposable <> 'all' then
    raise notice 'nothing removed: the setting retention.disposable is %, and there is no archive', v_disposable
      using hint = 'A superuser declares the record disposable by: update script_tracking_internal.setting set value = ''all'' where name = ''retention.disposable''';
    return 0;
  end if;
  -- one at a time, installer included, and the event triggers know upkeep by it; only the owner can take it, readers do
  -- not feel it
  lock table script_tracking_internal.schema_migration in share row exclusive mode;
  perform script_tracking_internal.roll_up();
  v_oldest := now() - make_interval(days => cleanup_old_data.retention_days);
  -- reckoned while everybody reads and writes
  for v_part in
    select p.partition, p.lower_bound, p.upper_bound
    from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_s' and p.upper_bound <= v_oldest
    order by p.upper_bound
  loop
    continue when script_tracking_internal.is_partition_in_use(v_part.partition, v_part.lower_bound, v_part.upper_bound);
    perform script_tracking_internal.carry_partition(v_part.partition);
    execute format('select count(*) from %s', (
      select p.partition from script_tracking_internal.vault_partition as p
      where p.relation = 'script_execution_h' and p.upper_bound = v_part.upper_bound)) into strict v_rows;
    v_removed := v_removed + v_rows;
    v_ends := v_ends || v_part.upper_bound;
  end loop;
  if v_ends = '{}' then
    return 0;
  end if;
  perform script_tracking_internal.lock_partitions(array(
    select p.partition from script_tracking_internal.vault_partition as p
    where p.upper_bound = any (v_ends) order by p.place, p.upper_bound));
  for v_part in
    select p.* from script_tracking_internal.vault_partition as p where p.upper_bound = any (v_ends) order by p.place
  loop
    if v_part.relation = 'script_execution_s'
      and script_tracking_internal.is_partition_in_use(v_part.partition, v_part.lower_bound, v_part.upper_bound)
    then
      raise exception using errcode = '55P03', message = format('%s was written to while it was to be removed', v_part.partition);
    end if;
    execute format('alter table script_tracking.%I detach partition %s', v_part.relation, v_part.partition);
    execute format('drop table %s', v_part.partition);
  end loop;
  return least(v_removed, 2147483647)::integer;
end
$function$;
comment on function script_tracking.cleanup_old_data(integer) is
  'Removes monthly partitions wholly older than retention_days (integer >= 0) where the setting retention.disposable allows it; returns the number of executions removed, else 0 and a NOTICE';
