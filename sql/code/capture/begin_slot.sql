-- requires: capture/create_slot.sql
-- Makes the slot. Nothing may be written before, so what was found beforehand is for probe_capture() to say.
create or replace function script_tracking_internal.begin_slot()
returns pg_lsn
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_lsn pg_lsn := script_tracking_internal.create_slot();
begin
  update script_tracking_internal.capture_state set slot_failed_at = null, slot_failure = null;
  return v_lsn;
end
$function$;
