-- Business key of an execution: name, start in UTC and 128 strong random bits.
-- One gen_random_uuid() has 122 random bits, so bytes of two are put together.
create or replace function script_tracking_internal.business_key(p_name varchar, p_started_at timestamptz)
returns varchar
language plpgsql volatile parallel safe
as $function$
declare
  v_random bytea := pg_catalog.uuid_send(pg_catalog.gen_random_uuid());
begin
  -- bytes 0-5 and 9-15 of the first are wholly random (104 bits), bytes 0-2 of the second make it 128
  return p_name
    || '_' || pg_catalog.to_char(p_started_at at time zone 'UTC', 'YYYYMMDD"T"HH24MISS.US"Z"')
    || '_' || pg_catalog.encode(
         pg_catalog.substr(v_random, 1, 6) || pg_catalog.substr(v_random, 10, 7)
         || pg_catalog.substr(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()), 1, 3), 'hex');
end
$function$;
