-- requires: redaction/secret_words.sql, redaction/login_words.sql
-- Whether redact() or redact_text() has to look at a text at all: the quickest test, true for some that hold no secret, and
-- for every text that announces_secret() or defines_login() is true for. Also of several texts put together.
-- Small, one expression, and not strict: so it is inlined where it is called.
create or replace function script_tracking_internal.may_hold_secret(p_text text)
returns boolean
language sql immutable parallel safe
as $function$
  select pg_catalog.lower(p_text collate "C") operator(pg_catalog.~~) any (
    script_tracking_internal.secret_words() operator(pg_catalog.||) script_tracking_internal.login_words())
$function$;
