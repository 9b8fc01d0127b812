-- requires: redaction/login_words.sql
-- Does a statement in a text define who logs in where: a role, user mapping, server or subscription? What stands there in
-- quotes is a secret though no name says so, as the name may be misspelt. Plain searches first, as most texts hold none
-- of these words. Not strict, so that it is inlined where it is called.
create or replace function script_tracking_internal.defines_login(p_text text)
returns boolean
language sql immutable parallel safe
as $function$
  select pg_catalog.lower(p_text collate "C") operator(pg_catalog.~~) any (script_tracking_internal.login_words())
    and pg_catalog.lower(p_text collate "C") operator(pg_catalog.~)
      e'(?:create|alter)(?:[[:space:]]|/[*](?:[^*]|[*]+[^*/])*[*]+/|--[^\n]*\n)+(?:role|user|group|server|subscription)'
$function$;
