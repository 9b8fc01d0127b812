-- Since when, by whom and why tracking pauses; no row where it does not.
create or replace function script_tracking_internal.pause_state()
returns table (paused_at timestamptz, paused_by name, reason text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select p.paused_at, p.paused_by, p.reason from script_tracking_internal.tracking_pause as p where p.resumed_at is null
$function$;
