-- requires: report/get_system_health.sql
-- For the daemon: script_tracking.get_system_health(), with ok as a number; NULL where the status is unknown.
create or replace function script_tracking_internal.collect_health()
returns table (check_name text, ok integer, value double precision, threshold double precision, status text, unit text,
  advice text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select h.check_name, case h.status when 'ok' then 1 when 'unknown' then null else 0 end, h.value, h.threshold,
    h.status, h.unit, h.advice
  from script_tracking.get_system_health() as h
$function$;
