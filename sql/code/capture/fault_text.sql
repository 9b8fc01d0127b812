-- requires: redaction/redact_message.sql
-- SQLSTATE and message of an error that the tracker met. The message may quote what the user wrote: redacted, and left out
-- where even that fails. Never raises.
create or replace function script_tracking_internal.fault_text(p_sqlstate text, p_message text)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
begin
  return concat_ws(' ', p_sqlstate, script_tracking_internal.redact_message(p_message, current_query()));
exception when others then
  return p_sqlstate;
end
$function$;
