-- requires: upkeep/duration_bounds.sql
-- Bucket of a duration in microseconds: 1 for the first bound, one more than the number of bounds for the unbounded; 0
-- where the duration is not known, which the histogram leaves out.
create or replace function script_tracking_internal.duration_bucket(p_duration_us bigint)
returns smallint
language sql immutable parallel safe
as $function$
  -- width_bucket counts a value equal to a bound above it; a histogram bucket includes its bound
  select coalesce(pg_catalog.width_bucket(p_duration_us - 1, script_tracking_internal.duration_bounds()) + 1, 0)::smallint
$function$;
