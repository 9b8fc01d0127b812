-- Sketches of durations from p_from on, a whole hour; where p_series is not NULL, of those series alone, each hour looked up as
-- in read_hours(). Without settings, stable and not strict: so that it is inlined where it is called.
create or replace function script_tracking_internal.read_sketches(p_series integer[], p_from timestamptz)
returns setof script_tracking_internal.duration_sketch
language sql stable parallel safe
as $function$
  select d.* from script_tracking_internal.duration_sketch as d
  where p_series is null and d.since operator(pg_catalog.>=) p_from
  union all
  select d.*
  from pg_catalog.unnest(p_series) as s (series_id)
  cross join pg_catalog.generate_series(p_from, pg_catalog.now(), '1 hour') as g (hour)
  cross join lateral (
    select t.* from script_tracking_internal.duration_sketch as t
    where t.since operator(pg_catalog.=) g.hour and t.series_id operator(pg_catalog.=) s.series_id offset 0) as d
  where p_series is not null
  union all
  select d.* from script_tracking_internal.duration_sketch as d  -- ahead, where a clock was
  where p_series is not null and d.since operator(pg_catalog.>) pg_catalog.now() and d.since operator(pg_catalog.>=) p_from
    and d.series_id operator(pg_catalog.=) any (p_series)
$function$;
