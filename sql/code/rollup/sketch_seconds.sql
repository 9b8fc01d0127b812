-- What stands for all durations in a bucket of a sketch, in seconds: within 1 % of each.
create or replace function script_tracking_internal.sketch_seconds(p_bucket integer)
returns double precision
language sql immutable parallel safe
as $function$
  -- 2 * gamma^i / (gamma + 1), which is 0.99 * gamma^i
  select case when p_bucket operator(pg_catalog.<) 0 then 0
    else 0.99::double precision operator(pg_catalog.*) pg_catalog.exp(
      0.0200006667066694::double precision operator(pg_catalog.*) p_bucket::double precision)
      operator(pg_catalog./) 1000000::double precision end
$function$;
