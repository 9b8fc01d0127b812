-- Whether the tracker is to have its event triggers. Not so where it was installed --without-event-triggers, on a service that
-- lets nobody make one: DDL is known by the comparison of the catalogs alone then.
create or replace function script_tracking_internal.event_triggers_wanted()
returns boolean
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select coalesce((select s.value <> 'off' from script_tracking_internal.setting as s where s.name = 'capture.event_triggers'), true)
$function$;
