-- requires: vault/redact.sql
-- What may be stored of a text that the server wrote about a statement, such as its message. It may quote a part of the
-- statement that is no secret by its own words: so where the statement was not stored as it came, only the texts of
-- SQLSTATEs that quote names of objects, or nothing, are.
create or replace function script_tracking_internal.redact_log_text(
  p_text text, p_statement text, p_redacted text, p_sqlstate text)
returns text
language sql immutable parallel safe
as $function$
  select case
    when p_statement is distinct from p_redacted
      and not coalesce(p_sqlstate = any ('{42P06,42P07,42710,42704,42501,42939,42809,2BP01,55006,55P03,40P01,25006,25P02,57014,57P01}'), false)
    then '[withheld: ' || pg_catalog.length(p_text)::text || ' characters about a statement that may hold a secret]'
    else script_tracking_internal.redact(p_text) end
$function$;
