-- requires: capture/advance_slot.sql
-- Lets the server forget what read_messages() has taken, in a transaction of its own.
create or replace function script_tracking_internal.advance_messages()
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
begin
  perform script_tracking_internal.advance_slot(s.read_lsn) from script_tracking_internal.capture_state as s;
end
$function$;
