-- What may be stored of a statement or message: a text in which a secret may stand is withheld whole, with its length.
-- Deliberately coarse: a word that often announces a secret, a URL with credentials or a connection string suffices.
create or replace function script_tracking_internal.redact(p_text text)
returns text
language sql immutable parallel safe
as $function$
  select case
    when p_text operator(pg_catalog.~*)
      '(passw|pwd|secret|token|api.?key|access.?key|private.?key|credential|user\s+mapping|connection|conninfo|dblink|\mauth|encrypt|crypt\M|://[^/\s]*@)'
    then '[withheld: ' || pg_catalog.length(p_text)::text || ' characters that may hold a secret]'
    else p_text end
$function$;
