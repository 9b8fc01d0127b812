-- requires: report/tenant_dashboard.sql
-- For the daemon: script_tracking.get_enterprise_dashboard() over all tenants; the checks are served by collect_health().
create or replace function script_tracking_internal.collect_dashboard()
returns table (tenant text, operations_24h bigint, failed_24h bigint, last_operation_timestamp_seconds double precision)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select d.tenant, d.operations_24h, d.failed_24h, extract(epoch from d.last_operation_at)::double precision
  from script_tracking_internal.tenant_dashboard(null, null) as d
$function$;
