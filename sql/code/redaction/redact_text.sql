-- requires: redaction/announces_secret.sql, redaction/defines_login.sql, redaction/redact_literal.sql
-- What may be stored of a text that is no statement, but may quote parts of one: a message, a name, a setting, a value in
-- metadata. Unlike a statement it need not lex. Not strict, so that it is inlined where it is called.
create or replace function script_tracking_internal.redact_text(p_text text)
returns text
language sql immutable parallel safe
as $function$
  select case when script_tracking_internal.announces_secret(p_text) or script_tracking_internal.defines_login(p_text)
    then coalesce(
      case when pg_catalog.length(p_text) operator(pg_catalog.<=) 100000
        then script_tracking_internal.redact_literal(p_text, true, 0) end,
      '[withheld: ' operator(pg_catalog.||) pg_catalog.length(p_text)::text operator(pg_catalog.||) ' characters that may hold a secret]')
    else p_text end
$function$;
