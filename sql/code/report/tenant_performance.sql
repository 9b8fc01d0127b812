-- requires: rollup/read_pending.sql, rollup/read_recent.sql, rollup/add_cumulated.sql, rollup/top_scripts.sql, rollup/sketch_bucket.sql, rollup/sketch_seconds.sql, rollup/script_label.sql
-- get_performance_metrics() for the tenants of p_tenants, NULL for all: from the roll-ups, and what they do not hold yet.
-- In plpgsql for the plan, which a session keeps; the caller has pinned its settings.
create or replace function script_tracking_internal.tenant_performance(p_tenants bytea[])
returns table (
  tenant text, script_type varchar, executions_24h bigint, failures_24h bigint, failure_ratio double precision,
  average_seconds double precision, p50_seconds double precision, p95_seconds double precision,
  p99_seconds double precision, max_seconds double precision, since timestamptz, executions_per_minute double precision,
  slowest_scripts jsonb, most_frequent_scripts jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- that plan does not know how little of the roll-ups is recent
set enable_nestloop = off  -- nor how many rows its parts have, each of which would be read through for each row of another
set jit = off
as $function$
#variable_conflict use_column
declare
  v_few   integer[];
  v_zero  timestamptz := '2000-01-01 00:00+00';
  v_since timestamptz := date_bin('1 hour', now(), v_zero) - interval '24 hours';
  v_day   timestamptz := date_bin('1 day', v_since, v_zero);
  v_kept  boolean := (select r.recent_since = v_since from script_tracking_internal.rollup_state as r);
begin
  -- a reader of few looks up what he reads, one by one; which is not for many
  if cardinality(p_tenants) < 5 then
    v_few := array(select s.series_id from script_tracking_internal.series as s where s.tenant_hk = any (p_tenants) limit 33);
    if cardinality(v_few) > 32 then
      v_few := null;
    end if;
  end if;
  return query
  with known as materialized (
    select s.series_id::bigint as number, t.tenant_bk, t.tenant_hk, s.script_type
    from script_tracking_internal.series as s join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
    where p_tenants is null or t.tenant_hk = any (p_tenants)
  ),
  fresh as materialized (
    select p.tenant_hk, p.script_type, p.script_name, p.failed, p.duration_us, p.execution_timestamp
    from script_tracking_internal.read_pending(p_tenants, v_day) as p
  ),
  series as materialized (
    select k.number, k.tenant_bk, k.tenant_hk, k.script_type from known as k
    union all
    -- a type that no roll-up has met
    select - row_number() over (), t.tenant_bk, f.tenant_hk, f.script_type
    from (select f.tenant_hk, f.script_type from fresh as f group by 1, 2) as f
    join script_tracking.tenant_h as t on t.tenant_hk = f.tenant_hk
    where not exists (select from known as k where k.tenant_hk = f.tenant_hk and k.script_type = f.script_type)
  ),
  pending as materialized (
    select s.number, f.script_name, f.failed, f.duration_us, f.execution_timestamp
    from fresh as f join series as s on s.tenant_hk = f.tenant_hk and s.script_type = f.script_type
  ),
  recent as materialized (
    select k.number, r.executions, r.failures, r.timed, r.duration_us::double precision as duration_us, r.max_duration_us, r.buckets, r.uptos
    from script_tracking_internal.read_recent(v_few, v_since, v_kept) as r join known as k on k.number = r.series_id
    where r.executions > 0
  ),
  counted as (
    select n.number, sum(n.executions)::bigint as executions, sum(n.failures)::bigint as failures,
      sum(n.duration_us) / nullif(sum(n.timed), 0)::double precision / 1000000 as average_seconds,
      max(n.max_duration_us)::double precision / 1000000 as max_seconds
    from (
      select r.number, r.executions, r.failures, r.timed, r.duration_us, r.max_duration_us from recent as r
      union all
      select p.number, 1, p.failed::integer, (p.duration_us is not null)::integer, coalesce(p.duration_us, 0), p.duration_us
      from pending as p where p.execution_timestamp >= v_since) as n
    group by 1
  ),
  late as materialized (  -- durations that the roll-ups do not hold yet, as they hold them
    select u.number, array_agg(u.bucket) as buckets, array_agg(u.upto) as uptos
    from (
      select p.number, script_tracking_internal.sketch_bucket(p.duration_us) as bucket,
        sum(count(*)) over (partition by p.number order by script_tracking_internal.sketch_bucket(p.duration_us) rows unbounded preceding)::bigint as upto
      from pending as p where p.duration_us is not null and p.execution_timestamp >= v_since
      group by 1, 2
      order by 1, 2) as u
    group by 1
  ),
  -- Which duration is so many of them up is a search by halves in the counts up to each.
  percentile as materialized (
    select b.number, b.buckets[1 + width_bucket(ceil(0.5::double precision * b.total)::bigint - 1, b.uptos)]::integer as p50,
      b.buckets[1 + width_bucket(ceil(0.95::double precision * b.total)::bigint - 1, b.uptos)]::integer as p95,
      b.buckets[1 + width_bucket(ceil(0.99::double precision * b.total)::bigint - 1, b.uptos)]::integer as p99
    from (
      select d.number, d.buckets, d.uptos, d.uptos[cardinality(d.uptos)]::double precision as total
      from (
        select r.number, r.buckets, r.uptos from recent as r where r.number not in (select l.number from late as l)
        union all
        select l.number, a.buckets, a.uptos
        from late as l left join recent as r on r.number = l.number
        cross join lateral script_tracking_internal.add_cumulated(
          coalesce(r.buckets, '{}'), coalesce(r.uptos, '{}'), l.buckets, l.uptos) as a) as d
      offset 0) as b
    where b.total > 0
  ),
  ranked as materialized (  -- each by its key: script_top holds those of all tenants
    select r.number, t.slowest_scripts, t.most_frequent_scripts
    from (
      select r.number::integer as series_id, r.number from recent as r
      where v_kept and r.number not in (select p.number from pending as p)
      offset 0) as r
    cross join lateral (
      select t.slowest_scripts, t.most_frequent_scripts
      from script_tracking_internal.script_top as t where t.series_id = r.series_id offset 0) as t
  ),
  unranked as materialized (
    select r.number from recent as r where r.number not in (select k.number from ranked as k)
    union
    select p.number from pending as p
  ),
  top as (
    select k.number, k.slowest_scripts, k.most_frequent_scripts from ranked as k
    union all
    select t.series_id, t.slowest_scripts, t.most_frequent_scripts
    from (
      select array_agg(row(d.day, d.series_id, d.script_name, d.executions, d.failures, d.timed, d.duration_us, d.max_duration_us)
        ::script_tracking_internal.script_day) as scripts
      from (
        select d.*
        from unranked as u cross join generate_series(v_day, now(), '24 hours') as g (day)
        cross join lateral (  -- each day by its key, as in read_scripts()
          select s.* from script_tracking_internal.script_day as s
          where s.day = g.day and s.series_id = u.number and s.script_name <> '' offset 0) as d
        union all
        select d.* from script_tracking_internal.script_day as d  -- ahead, where a clock was
        where d.day > now() and d.day >= v_day and d.series_id in (select u.number from unranked as u) and d.script_name <> ''
        union all
        select v_day, p.number::integer, script_tracking_internal.script_label(p.script_name), 1, p.failed::integer,
          (p.duration_us is not null)::integer, coalesce(p.duration_us, 0), p.duration_us
        from pending as p) as d) as n
    cross join lateral script_tracking_internal.top_scripts(n.scripts) as t
    where n.scripts is not null
  )
  select s.tenant_bk::text, s.script_type, c.executions, c.failures, c.failures::double precision / c.executions, c.average_seconds,
    least(script_tracking_internal.sketch_seconds(p.p50), c.max_seconds),
    least(script_tracking_internal.sketch_seconds(p.p95), c.max_seconds),
    least(script_tracking_internal.sketch_seconds(p.p99), c.max_seconds),
    c.max_seconds, v_since, c.executions * 60 / extract(epoch from now() - v_since)::double precision,
    coalesce(t.slowest_scripts, '[]'), coalesce(t.most_frequent_scripts, '[]')
  from counted as c
  join series as s on s.number = c.number
  left join percentile as p on p.number = c.number
  left join top as t on t.number = c.number
  order by 1, 2;
end
$function$;
