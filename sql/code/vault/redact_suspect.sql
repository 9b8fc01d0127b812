-- What may be stored of a text that holds one of redact()'s words: where a secret may stand in it, it is withheld whole,
-- with its length. Deliberately coarse: a word that often announces a secret, a URL with credentials or a connection
-- string suffices.
-- No backslash stands in here: a session may have switched standard_conforming_strings off.
-- Beyond a million characters the words alone decide: a regular expression needs four bytes of memory for each.
create or replace function script_tracking_internal.redact_suspect(p_text text)
returns text
language plpgsql immutable strict parallel safe
as $function$
begin
  return case
    when pg_catalog.length(p_text) operator(pg_catalog.>) 1000000
      or pg_catalog.lower(p_text collate "C") operator(pg_catalog.~)
          '(passw|pwd|secret|token|api.?key|access.?key|private.?key|credential|user[[:space:]]+mapping|connection|conninfo|dblink|[[:<:]]auth|encrypt|crypt[[:>:]]|://[^/[:space:]]*@)'
    then '[withheld: ' || pg_catalog.length(p_text)::text || ' characters that may hold a secret]'
    else p_text end;
end
$function$;
