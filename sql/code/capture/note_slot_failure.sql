-- Keeps why the slot could not be made, for probe_capture() to tell; it is tried again a minute later.
create or replace function script_tracking_internal.note_slot_failure(p_failure text)
returns void
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  update script_tracking_internal.capture_state set slot_failed_at = clock_timestamp(), slot_failure = p_failure
$function$;
