-- requires: rollup/read_scripts.sql
-- The five slowest and the five most frequent scripts of each series among p_rows, as get_performance_metrics() shows them; p_rows may
-- hold a name several times.
create or replace function script_tracking_internal.top_scripts(p_rows script_tracking_internal.script_day[])
returns setof script_tracking_internal.script_top
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $function$
#variable_conflict use_column
begin
  return query
  with script as (  -- floating point adds quicker; names by their bytes, which needs no rules of a language
    select n.series_id, n.script_name collate "C" as script_name, sum(n.executions::double precision) as executions,
      sum(n.failures::double precision) as failures,
      sum(n.duration_us::double precision) / nullif(sum(n.timed::double precision), 0) / 1000000::double precision as average_seconds,
      max(n.max_duration_us)::double precision / 1000000::double precision as max_seconds
    from unnest(p_rows) as n
    group by 1, 2
  ),
  ranked as (
    select s.*, row_number() over (partition by s.series_id order by s.average_seconds desc nulls last, s.script_name) as slowness,
      row_number() over (partition by s.series_id order by s.executions desc, s.script_name) as frequency
    from script as s
  ),
  described as (  -- as text, which is quicker than any builder of JSON; once for both lists
    select r.series_id, r.slowness, r.frequency, r.average_seconds is not null as is_timed,
      concat('{"script_name":', to_json(r.script_name), ',"executions":', r.executions::bigint, ',"failures":', r.failures::bigint,
        ',"average_seconds":', coalesce(r.average_seconds::text, 'null'), ',"max_seconds":', coalesce(r.max_seconds::text, 'null'),
        '}') as script
    from ranked as r
    where r.slowness <= 5 or r.frequency <= 5
    offset 0
  )
  select l.series_id, ('[' || concat_ws(',', l.s1, l.s2, l.s3, l.s4, l.s5) || ']')::jsonb,
    ('[' || concat_ws(',', l.f1, l.f2, l.f3, l.f4, l.f5) || ']')::jsonb
  from (  -- place by place, which spares a sort for each list
    select d.series_id, max(d.script) filter (where d.slowness = 1 and d.is_timed) as s1,
      max(d.script) filter (where d.slowness = 2 and d.is_timed) as s2, max(d.script) filter (where d.slowness = 3 and d.is_timed) as s3,
      max(d.script) filter (where d.slowness = 4 and d.is_timed) as s4, max(d.script) filter (where d.slowness = 5 and d.is_timed) as s5,
      max(d.script) filter (where d.frequency = 1) as f1, max(d.script) filter (where d.frequency = 2) as f2,
      max(d.script) filter (where d.frequency = 3) as f3, max(d.script) filter (where d.frequency = 4) as f4,
      max(d.script) filter (where d.frequency = 5) as f5
    from described as d group by 1
    offset 0) as l;
end
$function$;
