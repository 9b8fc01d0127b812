-- requires: upkeep/operation_totals.sql
-- For the daemon: cumulative executions by tenant, type and final status; each type that a tenant has used, and DDL, in every
-- status from zero.
create or replace function script_tracking_internal.collect_operations()
returns table (tenant text, script_type text, status text, operations_total bigint)
language sql volatile  -- takes its snapshot once it has its locks: see operation_totals
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with counted as materialized (
    select o.tenant_hk, o.script_type, o.status, sum(o.operations) as operations
    from script_tracking_internal.operation_totals() as o group by 1, 2, 3
  ),
  series as (
    select c.tenant_hk, c.script_type from counted as c
    union select r.tenant_hk, r.script_type from script_tracking_internal.running_operation as r
    union select t.tenant_hk, 'DDL' from script_tracking.tenant_h as t
  )
  select t.tenant_bk, y.script_type, s.status, coalesce(c.operations, 0)::bigint
  from series as y
  join script_tracking.tenant_h as t on t.tenant_hk = y.tenant_hk
  cross join unnest(array['COMPLETED', 'FAILED', 'ROLLED_BACK', 'INTERRUPTED', 'NOOP']) as s (status)
  left join counted as c on c.tenant_hk = y.tenant_hk and c.script_type = y.script_type and c.status = s.status
$function$;
