-- Roll-ups by the hour from p_from, a whole hour, up to p_until, without it; where p_series is not NULL, of those series alone. Of
-- a few, each hour that has begun is looked up in the index, which costs a fraction of reading all that others did meanwhile.
-- Without settings, stable and not strict: so that it is inlined where it is called.
create or replace function script_tracking_internal.read_hours(p_series integer[], p_from timestamptz, p_until timestamptz)
returns setof script_tracking_internal.operation_hour
language sql stable parallel safe
as $function$
  select h.* from script_tracking_internal.operation_hour as h
  where p_series is null and h.hour operator(pg_catalog.>=) p_from and h.hour operator(pg_catalog.<) p_until
  union all
  select h.*
  from pg_catalog.unnest(p_series) as s (series_id)
  cross join pg_catalog.generate_series(p_from, least(p_until, pg_catalog.now()), '1 hour') as g (hour)
  cross join lateral (
    select t.* from script_tracking_internal.operation_hour as t
    where t.hour operator(pg_catalog.=) g.hour and t.series_id operator(pg_catalog.=) s.series_id offset 0) as h
  where p_series is not null and g.hour operator(pg_catalog.<) p_until
  union all
  select h.* from script_tracking_internal.operation_hour as h  -- ahead, where a clock was
  where p_series is not null and h.hour operator(pg_catalog.>) pg_catalog.now() and h.hour operator(pg_catalog.>=) p_from
    and h.hour operator(pg_catalog.<) p_until and h.series_id operator(pg_catalog.=) any (p_series)
$function$;
