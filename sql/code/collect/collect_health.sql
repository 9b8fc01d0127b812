-- requires: report/get_system_health.sql
-- For the daemon: script_tracking.get_system_health(), with ok as a number; NULL where the status is unknown. Where that may not
-- be asked, as when its owner or its schema's was changed, the one check that says so.
create or replace function script_tracking_internal.collect_health()
returns table (check_name text, ok integer, value double precision, threshold double precision, status text, unit text,
  advice text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
begin
  return query
  select h.check_name, case h.status when 'ok' then 1 when 'unknown' then null else 0 end, h.value, h.threshold,
    h.status, h.unit, h.advice
  from script_tracking.get_system_health() as h;
exception when insufficient_privilege or undefined_function then
  return query
  select 'record_protected', 0, 1::double precision, 0::double precision, 'critical', 'faults',
    'script_tracking.get_system_health() cannot be asked (' || sqlerrm
      || '): run "script-tracking-exporter schema verify", then "schema upgrade", and find out who did it.';
end
$function$;
