-- Authenticates session state that one event trigger leaves for the next: the key is known to the owner only, and the
-- attempts under way tie it to its statement; not the ordinal, which DDL inside of it raises. 64 hexadecimal digits.
create or replace function script_tracking_internal.state_mac(p_attempts text, p_payload text)
returns text
language sql stable
as $function$
  select pg_catalog.encode(pg_catalog.sha256(
    i.state_key || pg_catalog.int4send(pg_catalog.pg_backend_pid())
    || pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat(
      pg_catalog.split_part(p_attempts, ';', 1), ';', pg_catalog.split_part(p_attempts, ';', 3)), 'UTF8'))
    || pg_catalog.convert_to(p_payload, 'UTF8')), 'hex')
  from script_tracking_internal.installation as i
$function$;
