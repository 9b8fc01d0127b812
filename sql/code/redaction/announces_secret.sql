-- requires: redaction/secret_words.sql
-- May a secret stand in a text? Plain searches for words, as most texts hold none of them: what passes is looked at closer.
-- Small, one expression, and not strict: so it is inlined where it is called, and costs little to set up there.
create or replace function script_tracking_internal.announces_secret(p_text text)
returns boolean
language sql immutable parallel safe
as $function$
  -- most keys are none
  select pg_catalog.replace(pg_catalog.replace(pg_catalog.lower(p_text collate "C"), 'primary key', ''), 'foreign key', '') operator(pg_catalog.~~) any (
    script_tracking_internal.secret_words())
$function$;
