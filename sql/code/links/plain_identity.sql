-- An identity as the links know it: without the space after a comma and the schema pg_catalog of argument types, which only
-- some sources write.
-- One expression: so it is inlined where it is called.
create or replace function script_tracking_internal.plain_identity(p_identity text)
returns text
language sql immutable parallel safe
as $function$
  select pg_catalog.replace(pg_catalog.replace(p_identity, ', ', ','), 'pg_catalog.', '')
$function$;
