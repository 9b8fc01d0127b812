-- requires: report/tenant_dashboard.sql, report/get_system_health.sql, tenancy/visible_tenants.sql
-- One row for each tenant that the caller may see: what happened in the last 24 hours, and a verdict on it.
create or replace function script_tracking.get_enterprise_dashboard()
returns table (
  tenant text, verdict text, operations_24h bigint, failed_24h bigint, failure_ratio_24h double precision,
  average_duration_seconds_24h double precision, running bigint, ddl_24h bigint, last_operation_at timestamptz,
  since timestamptz, operations_per_minute double precision, p95_duration_seconds_24h double precision,
  operations_change double precision, failure_ratio_week_before double precision, oldest_running_at timestamptz,
  failing_checks text[], tracker_failing_checks text[])
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set client_min_messages = warning  -- the caller may have the server tell him plans
as $function$
  select d.* from script_tracking_internal.tenant_dashboard(
    script_tracking_internal.visible_tenants(),
    array(
      select h.check_name from script_tracking.get_system_health() as h
      where h.status in ('warning', 'critical') order by h.check_name)) as d
$function$;
comment on function script_tracking.get_enterprise_dashboard() is
  'One row for each tenant that the caller may see, over the 24 hours before this one and what there is of this one; verdict: critical from 10 failures and a ratio over 0.2, warning from the first failure, else ok; logins and registrations count in all columns but the verdict and failing_checks';
