-- requires: report/tenant_errors.sql, tenancy/visible_tenants.sql
-- Failures of the last hours that the caller may see, grouped by kind.
create or replace function script_tracking.get_recent_errors(hours integer)
returns table (
  tenant text, script_type varchar, script_name varchar, error_class text, error_sqlstate text, error_message text,
  errors bigint, first_seen_at timestamptz, last_seen_at timestamptz, last_execution_hk bytea, fingerprint text,
  since timestamptz)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set client_min_messages = warning  -- the caller may have the server tell him plans
as $function$
  select e.* from script_tracking_internal.tenant_errors(script_tracking_internal.visible_tenants(), get_recent_errors.hours) as e
$function$;
comment on function script_tracking.get_recent_errors(integer) is
  'Kinds of failed and interrupted executions that the caller may see and that were begun in the last hours (integer >= 0), counted from the beginning of the hour, beyond a week of the day, in which those hours began; script and message are the newest one''s';
