-- Business key of an execution: name, start in UTC and 128 strong random bits, out of the 244 of two random UUIDs.
-- One expression, each argument used once: so it is inlined where it is called.
create or replace function script_tracking_internal.business_key(p_name varchar, p_started_at timestamptz)
returns varchar
language sql volatile parallel safe
as $function$
  select pg_catalog.concat(p_name, '_', pg_catalog.to_char(p_started_at at time zone 'UTC', 'YYYYMMDD"T"HH24MISS.US"Z_"'),
    pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(
      pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())),
      'hex'), 32))::varchar
$function$;
