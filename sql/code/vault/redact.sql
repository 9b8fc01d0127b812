-- What may be stored of a statement or message: a text in which a secret may stand is withheld whole, with its length.
-- Deliberately coarse: a word that often announces a secret, a URL with credentials or a connection string suffices.
-- No backslash stands in here: a session may have switched standard_conforming_strings off.
-- Beyond a million characters the words alone decide: a regular expression needs four bytes of memory for each.
-- The words come first, as plain searches: a regular expression builds and frees its automaton at every call.
-- One expression, and not strict: so it is inlined where it is called. NULL for NULL all the same.
create or replace function script_tracking_internal.redact(p_text text)
returns text
language sql immutable parallel safe
as $function$
  select case
    when pg_catalog.lower(p_text collate "C") operator(pg_catalog.~~) any (array[
        '%passw%', '%pwd%', '%secret%', '%token%', '%key%', '%credential%', '%mapping%',
        '%connection%', '%conninfo%', '%dblink%', '%auth%', '%crypt%', '%@%'])
      and (pg_catalog.length(p_text) operator(pg_catalog.>) 1000000
        or pg_catalog.lower(p_text collate "C") operator(pg_catalog.~)
          '(passw|pwd|secret|token|api.?key|access.?key|private.?key|credential|user[[:space:]]+mapping|connection|conninfo|dblink|[[:<:]]auth|encrypt|crypt[[:>:]]|://[^/[:space:]]*@)')
    then '[withheld: ' || pg_catalog.length(p_text)::text || ' characters that may hold a secret]'
    else p_text end
$function$;
