-- 128 strong random bits, out of the 244 of two random UUIDs, as 32 hexadecimal digits.
-- One expression: so it is inlined where it is called.
create or replace function script_tracking_internal.random_suffix()
returns text
language sql volatile parallel safe
as $function$
  select pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(
    pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) operator(pg_catalog.||)
    pg_catalog.uuid_send(pg_catalog.gen_random_uuid())), 'hex'), 32)
$function$;
