-- Authenticates session state that one event trigger leaves for the next: the key (installation.state_key) is known to the owner
-- only, and the attempts under way tie it to its statement; not the ordinal, which DDL inside of it raises. 64 hexadecimal digits.
-- One expression, and p_attempts should be a variable: so it is inlined where it is called.
create or replace function script_tracking_internal.state_mac(p_key bytea, p_attempts text, p_payload text)
returns text
language sql stable
as $function$
  select pg_catalog.encode(pg_catalog.sha256(p_key
    operator(pg_catalog.||) pg_catalog.int4send(pg_catalog.pg_backend_pid())
    operator(pg_catalog.||) pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat(
      pg_catalog.split_part(p_attempts, ';', 1), ';', pg_catalog.split_part(p_attempts, ';', 3)), 'UTF8'))
    operator(pg_catalog.||) pg_catalog.convert_to(p_payload, 'UTF8')), 'hex')
$function$;
