-- The role that installed the schema, where that is no superuser: what needs rights of its own belongs to it. NULL else. It
-- owns the event triggers as well, where there are any.
create or replace function script_tracking_internal.installing_role()
returns name
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select s.value::name from script_tracking_internal.setting as s where s.name = 'capture.installed_by'
$function$;
