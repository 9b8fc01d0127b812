-- requires: redaction/secret_list.sql, redaction/login_words.sql
-- Whether redact() or redact_text() has to look at a text at all: the quickest test, true for some that hold no secret, and
-- for every text that announces_secret() or defines_login() is true for. Also of several texts put together.
-- Byte by byte, which costs a third less than character by character: the patterns are ASCII, which no byte of another character is.
-- What escapes in a pattern, a backslash, is doubled, as bytea reads it as well; the patterns become a constant.
-- Small, one expression, not strict, and no less volatile than convert_to(): so it is inlined where it is called.
create or replace function script_tracking_internal.may_hold_secret(p_text text)
returns boolean
language sql stable parallel safe
as $function$
  select pg_catalog.convert_to(pg_catalog.lower(p_text collate "C"), 'UTF8') operator(pg_catalog.~~) any (
    pg_catalog.string_to_array(pg_catalog.replace(script_tracking_internal.secret_list(), e'\\', e'\\\\'), '|')::bytea[]
    operator(pg_catalog.||) script_tracking_internal.login_words()::bytea[])
$function$;
