-- requires: redaction/announces_secret.sql, redaction/defines_login.sql, vault/redact_suspect.sql
-- What may be stored of a statement. Not strict, so that it is inlined where it is called.
create or replace function script_tracking_internal.redact(p_text text)
returns text
language sql immutable parallel safe
as $function$
  select case when script_tracking_internal.announces_secret(p_text) or script_tracking_internal.defines_login(p_text)
    then script_tracking_internal.redact_suspect(p_text) else p_text end
$function$;
