-- requires: vault/redact.sql, redaction/redact_quoting.sql
-- What may be stored of a message about a statement; see redact_quoting().
create or replace function script_tracking_internal.redact_message(p_message text, p_statement text)
returns text
language plpgsql immutable parallel safe
as $function$
begin
  return case when p_message <> '' then script_tracking_internal.redact_quoting(
    p_message, p_statement, script_tracking_internal.redact(p_statement), null) else p_message end;
end
$function$;
