-- requires: upkeep/operation_totals.sql
-- For the daemon: cumulative executions by tenant, type and final status; known combinations from zero.
create or replace function script_tracking_internal.collect_operations()
returns table (tenant text, script_type text, status text, operations_total bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with totals as materialized (select * from script_tracking_internal.operation_totals()),
  types as (
    select 'DDL'::varchar as script_type union select t.script_type from totals as t
    union select r.script_type from script_tracking_internal.running_operation as r
  )
  select t.tenant_bk, y.script_type, s.status,
    coalesce((select sum(o.operations) from totals as o
      where o.tenant_hk = t.tenant_hk and o.script_type = y.script_type and o.status = s.status), 0)::bigint
  from script_tracking.tenant_h as t
  cross join types as y
  cross join unnest(array['COMPLETED', 'FAILED', 'ROLLED_BACK', 'INTERRUPTED', 'NOOP']) as s (status)
$function$;
