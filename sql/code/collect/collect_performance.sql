-- requires: report/tenant_performance.sql
-- For the daemon: script_tracking.get_performance_metrics() over all tenants.
create or replace function script_tracking_internal.collect_performance()
returns table (tenant text, script_type text, executions_24h bigint, failure_ratio double precision, p50_seconds double precision, p95_seconds double precision, p99_seconds double precision)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select m.tenant, m.script_type, m.executions_24h, m.failure_ratio, m.p50_seconds, m.p95_seconds, m.p99_seconds
  from script_tracking_internal.tenant_performance(null) as m
$function$;
