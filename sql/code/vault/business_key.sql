-- Business key of an execution: name, start in UTC and its random suffix.
-- One expression, each argument used once: so it is inlined where it is called.
create or replace function script_tracking_internal.business_key(p_name varchar, p_started_at timestamptz, p_suffix text)
returns varchar
language sql stable parallel safe
as $function$
  select pg_catalog.concat(p_name, '_', pg_catalog.to_char(p_started_at at time zone 'UTC', 'YYYYMMDD"T"HH24MISS.US"Z_"'),
    p_suffix)::varchar
$function$;
