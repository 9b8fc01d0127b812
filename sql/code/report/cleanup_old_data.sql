-- requires: upkeep/vault_partition.sql, upkeep/roll_up.sql, upkeep/final_version.sql, upkeep/counted_versions.sql
-- Removes whole partitions that are older than the retention. While nothing archives the record, only what the setting
-- retention.disposable declares disposable goes: by default nothing, and a NOTICE says so.
-- A partition stays while an operation of it runs, or while the totals have not taken all its rows in.
-- Returns the number of executions removed. Raises ST003 for a negative retention, 55P03 when a lock is not had in 200 ms.
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
  v_hub        regclass;
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
  for v_part in
    select p.partition, p.lower_bound, p.upper_bound
    from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_s' and p.upper_bound <= v_oldest
    order by p.upper_bound
  loop
    select p.partition into strict v_hub from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_h' and p.upper_bound = v_part.upper_bound;
    -- detached first: from here on nobody writes into it, so what is counted is what goes
    execute format('alter table script_tracking.script_execution_s detach partition %s', v_part.partition);
    execute format('alter table script_tracking.script_execution_h detach partition %s', v_hub);
    execute format('select count(*) from %s where execution_status <> ''RUNNING'' and xid >= (select r.horizon from script_tracking_internal.rollup_state as r) and incarnation = (select i.incarnation from script_tracking_internal.installation as i)',
      v_part.partition) into v_rows;
    if v_rows > 0 or exists (
      select from script_tracking_internal.running_operation as o
      where o.execution_timestamp >= v_part.lower_bound and o.execution_timestamp < v_part.upper_bound)
    then
      execute format('alter table script_tracking.script_execution_s attach partition %s for values from (%s) to (%L)',
        v_part.partition,
        case when v_part.lower_bound = '-infinity' then 'minvalue' else quote_literal(v_part.lower_bound) end, v_part.upper_bound);
      execute format('alter table script_tracking.script_execution_h attach partition %s for values from (%s) to (%L)',
        v_hub, case when v_part.lower_bound = '-infinity' then 'minvalue' else quote_literal(v_part.lower_bound) end, v_part.upper_bound);
      exit;
    end if;
    execute format($carry$
      insert into script_tracking_internal.operation_total_carried as t
        (tenant_hk, script_type, status, error_class, bucket, operations, duration_us, tracking_us)
      select f.tenant_hk, f.script_type, f.status, f.error_class, f.bucket,
        count(*), sum(f.duration_us), sum(f.tracking_us)
      from script_tracking_internal.counted_versions(%L) as f
      group by 1, 2, 3, 4, 5
      on conflict (tenant_hk, script_type, status, error_class, bucket) do update
      set operations = t.operations + excluded.operations,
          duration_us = t.duration_us + excluded.duration_us,
          tracking_us = t.tracking_us + excluded.tracking_us$carry$, v_part.partition);
    execute format('select count(*) from %s', v_hub) into v_rows;
    v_removed := v_removed + v_rows;
    execute format('drop table %s', v_part.partition);
    execute format('drop table %s', v_hub);
  end loop;
  return least(v_removed, 2147483647)::integer;
end
$function$;
comment on function script_tracking.cleanup_old_data(integer) is
  'Removes monthly partitions wholly older than retention_days (integer >= 0) where the setting retention.disposable allows it; returns the number of executions removed, else 0 and a NOTICE';
