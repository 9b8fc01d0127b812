-- requires: report/tenant_performance.sql, tenancy/visible_tenants.sql
-- Durations and failures of the last 24 hours by tenant and type, for what the caller may see.
create or replace function script_tracking.get_performance_metrics()
returns table (
  tenant text, script_type varchar, executions_24h bigint, failures_24h bigint, failure_ratio double precision,
  average_seconds double precision, p50_seconds double precision, p95_seconds double precision,
  p99_seconds double precision, max_seconds double precision, since timestamptz, executions_per_minute double precision,
  slowest_scripts jsonb, most_frequent_scripts jsonb)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set client_min_messages = warning  -- the caller may have the server tell him plans
as $function$
  select m.* from script_tracking_internal.tenant_performance(script_tracking_internal.visible_tenants()) as m
$function$;
comment on function script_tracking.get_performance_metrics() is
  'Executions begun in the 24 hours before this one or in this one and ended, by tenant and type: counts, failure ratio (0 to 1), durations in seconds, percentiles within 1 %, the slowest and most frequent scripts of yesterday and today';
