-- What may be stored of a statement or message: a text in which a secret may stand is withheld whole, with its length.
-- Deliberately coarse: a word that often announces a secret, a URL with credentials or a connection string suffices.
-- No backslash stands in here: a session may have switched standard_conforming_strings off.
-- Beyond a million characters the words alone decide: a regular expression needs four bytes of memory for each.
-- The words come first, as plain searches: a regular expression builds and frees its automaton at every call.
create or replace function script_tracking_internal.redact(p_text text)
returns text
language plpgsql immutable strict parallel safe
as $function$
declare
  v_text text := pg_catalog.lower(p_text collate "C");
begin
  if v_text like any (array['%passw%', '%pwd%', '%secret%', '%token%', '%key%', '%credential%', '%mapping%',
                            '%connection%', '%conninfo%', '%dblink%', '%auth%', '%crypt%', '%@%'])
    and (pg_catalog.length(v_text) > 1000000 or v_text operator(pg_catalog.~)
      '(passw|pwd|secret|token|api.?key|access.?key|private.?key|credential|user[[:space:]]+mapping|connection|conninfo|dblink|[[:<:]]auth|encrypt|crypt[[:>:]]|://[^/[:space:]]*@)')
  then
    return '[withheld: ' || pg_catalog.length(p_text)::text || ' characters that may hold a secret]';
  end if;
  return p_text;
end
$function$;
