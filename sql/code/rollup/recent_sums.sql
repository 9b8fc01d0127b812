-- requires: rollup/read_hours.sql, rollup/read_sketches.sql
-- What series_recent is to hold from p_from on, a whole hour, reckoned from the hours; where p_series is not NULL, of those series
-- alone. Without settings, stable and not strict: so that it is inlined where it is called.
create or replace function script_tracking_internal.recent_sums(p_series integer[], p_from timestamptz)
returns setof script_tracking_internal.series_recent
language sql stable parallel safe
as $function$
  select h.series_id, h.executions, h.failures, h.timed, h.duration_us, h.max_duration_us, h.last_at, h.week_executions, h.week_failures,
    coalesce(d.buckets, '{}'), coalesce(d.uptos, '{}')
  from (
    select r.series_id, coalesce(pg_catalog.sum(r.operations) filter (where not r.is_before), 0)::bigint as executions,
      coalesce(pg_catalog.sum(r.operations) filter (where not r.is_before and r.failed), 0)::bigint as failures,
      coalesce(pg_catalog.sum(r.timed) filter (where not r.is_before), 0)::bigint as timed,
      coalesce(pg_catalog.sum(r.duration_us) filter (where not r.is_before), 0) as duration_us,
      pg_catalog.max(r.max_duration_us) filter (where not r.is_before) as max_duration_us,
      pg_catalog.max(r.last_at) filter (where not r.is_before) as last_at,
      coalesce(pg_catalog.sum(r.operations) filter (where r.is_before), 0)::bigint as week_executions,
      coalesce(pg_catalog.sum(r.operations) filter (where r.is_before and r.failed), 0)::bigint as week_failures
    from (
      select n.series_id, false as is_before, n.status operator(pg_catalog.=) 'FAILED' or n.status operator(pg_catalog.=) 'INTERRUPTED' as failed,
        n.operations, n.timed, n.duration_us, n.max_duration_us, n.last_at
      from script_tracking_internal.read_hours(p_series, p_from, 'infinity') as n
      union all
      select b.series_id, true, b.status operator(pg_catalog.=) 'FAILED' or b.status operator(pg_catalog.=) 'INTERRUPTED',
        b.operations, b.timed, b.duration_us, b.max_duration_us, b.last_at
      from script_tracking_internal.read_hours(p_series, p_from operator(pg_catalog.-) '168 hours'::interval,
        p_from operator(pg_catalog.-) '144 hours'::interval) as b) as r
    group by r.series_id) as h
  left join (
    select c.series_id, pg_catalog.array_agg(c.bucket) as buckets, pg_catalog.array_agg(c.upto) as uptos
    from (  -- series and bucket in one number, which sorts quicker
      select (g.key operator(pg_catalog.>>) 12)::integer as series_id, ((g.key operator(pg_catalog.&) 4095) operator(pg_catalog.-) 1)::smallint as bucket,
        pg_catalog.sum(g.counted) over (partition by g.key operator(pg_catalog.>>) 12 order by g.key rows unbounded preceding)::bigint as upto
      from (
        select (e.series_id::bigint operator(pg_catalog.<<) 12) operator(pg_catalog.+) e.bucket operator(pg_catalog.+) 1 as key,
          pg_catalog.sum(e.counted)::bigint as counted
        from (
          select s.series_id, pg_catalog.unnest(s.buckets) as bucket, pg_catalog.unnest(s.counts) as counted
          from script_tracking_internal.read_sketches(p_series, p_from) as s) as e
        group by 1) as g
      order by g.key offset 0) as c
    group by c.series_id) as d on d.series_id operator(pg_catalog.=) h.series_id
$function$;
