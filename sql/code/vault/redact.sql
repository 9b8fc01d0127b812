-- requires: vault/redact_suspect.sql
-- What may be stored of a statement or message. The words come first, as plain searches: most texts hold none of them.
-- Small, one expression, and not strict: so it is inlined where it is called, and costs little to set up there.
create or replace function script_tracking_internal.redact(p_text text)
returns text
language sql immutable parallel safe
as $function$
  select case
    when pg_catalog.lower(p_text collate "C") operator(pg_catalog.~~) any (array[
        '%passw%', '%pwd%', '%secret%', '%token%', '%key%', '%credential%', '%mapping%',
        '%connection%', '%conninfo%', '%dblink%', '%auth%', '%crypt%', '%@%'])
    then script_tracking_internal.redact_suspect(p_text)
    else p_text end
$function$;
