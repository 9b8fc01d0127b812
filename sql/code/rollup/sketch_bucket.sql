-- Bucket of a duration in a sketch. Bucket i holds what lies above gamma^(i-1) and up to gamma^i microseconds, where
-- gamma = 1.01 / 0.99: so sketch_seconds() is off by 1 % at most. -1 holds zero, NULL is not known.
create or replace function script_tracking_internal.sketch_bucket(p_duration_us bigint)
returns smallint
language sql immutable parallel safe
as $function$
  -- ln(1.01 / 0.99)
  select case when p_duration_us operator(pg_catalog.>) 0
      then pg_catalog.ceil(pg_catalog.ln(p_duration_us::double precision) operator(pg_catalog./) 0.0200006667066694::double precision)::smallint
    when p_duration_us is not null then (-1)::smallint end
$function$;
