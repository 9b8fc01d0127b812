-- requires: upkeep/operation_totals.sql
-- For the daemon: cumulative failures by tenant, type and SQLSTATE class; each type that a tenant has used, and DDL,
-- from zero.
create or replace function script_tracking_internal.collect_errors()
returns table (tenant text, script_type text, error_class text, errors_total bigint)
language sql volatile  -- takes its snapshot once it has its locks: see operation_totals
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with counted as materialized (
    select o.tenant_hk, o.script_type, o.error_class, sum(o.operations) as operations
    from script_tracking_internal.operation_totals() as o group by 1, 2, 3
  ),
  series as (
    select c.tenant_hk, c.script_type from counted as c
    union select r.tenant_hk, r.script_type from script_tracking_internal.running_operation as r
    union select t.tenant_hk, 'DDL' from script_tracking.tenant_h as t
  ),
  classes as (
    select y.tenant_hk, y.script_type, 'unknown' as error_class from series as y
    union select c.tenant_hk, c.script_type, c.error_class from counted as c where c.error_class <> ''
  )
  select t.tenant_bk, y.script_type, y.error_class, coalesce(c.operations, 0)::bigint
  from classes as y
  join script_tracking.tenant_h as t on t.tenant_hk = y.tenant_hk
  left join counted as c
    on c.tenant_hk = y.tenant_hk and c.script_type = y.script_type and c.error_class = y.error_class
$function$;
