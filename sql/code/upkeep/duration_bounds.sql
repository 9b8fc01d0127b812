-- Upper bounds of the duration histogram in microseconds; the bucket after the last is unbounded.
create or replace function script_tracking_internal.duration_bounds()
returns bigint[]
language sql immutable parallel safe
as $function$
  select array[1000, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
               30000000, 60000000, 300000000, 1800000000, 3600000000]::bigint[]
$function$;
