-- Scripts that are told apart, by the day from p_from on, a whole day in UTC; where p_series is not NULL, of those series alone,
-- each day looked up as each hour in read_hours(). Without settings, stable and not strict: so that it is inlined where it is called.
create or replace function script_tracking_internal.read_scripts(p_series integer[], p_from timestamptz)
returns setof script_tracking_internal.script_day
language sql stable parallel safe
as $function$
  select d.* from script_tracking_internal.script_day as d
  where p_series is null and d.day operator(pg_catalog.>=) p_from and d.script_name operator(pg_catalog.<>) ''
  union all
  select d.*
  from pg_catalog.unnest(p_series) as s (series_id)
  cross join pg_catalog.generate_series(p_from, pg_catalog.now(), '24 hours') as g (day)
  cross join lateral (
    select t.* from script_tracking_internal.script_day as t
    where t.day operator(pg_catalog.=) g.day and t.series_id operator(pg_catalog.=) s.series_id
      and t.script_name operator(pg_catalog.<>) '' offset 0) as d
  where p_series is not null
  union all
  select d.* from script_tracking_internal.script_day as d  -- ahead, where a clock was
  where p_series is not null and d.day operator(pg_catalog.>) pg_catalog.now() and d.day operator(pg_catalog.>=) p_from
    and d.series_id operator(pg_catalog.=) any (p_series) and d.script_name operator(pg_catalog.<>) ''
$function$;
