-- requires: rollup/read_pending.sql, rollup/read_hours.sql, rollup/read_recent.sql, rollup/sketch_bucket.sql, rollup/sketch_seconds.sql
-- get_enterprise_dashboard() for the tenants of p_tenants, NULL for all: from the roll-ups, and what they do not hold yet.
-- p_checks: the failing checks of the tracker itself, which stand in each row; reckoning them costs as much as all the rest.
-- In plpgsql for the plan, which a session keeps; the caller has pinned its settings.
create or replace function script_tracking_internal.tenant_dashboard(p_tenants bytea[], p_checks text[])
returns table (
  tenant text, verdict text, operations_24h bigint, failed_24h bigint, failure_ratio_24h double precision,
  average_duration_seconds_24h double precision, running bigint, ddl_24h bigint, last_operation_at timestamptz,
  since timestamptz, operations_per_minute double precision, p95_duration_seconds_24h double precision,
  operations_change double precision, failure_ratio_week_before double precision, oldest_running_at timestamptz,
  failing_checks text[], tracker_failing_checks text[])
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- that plan does not know how little of the roll-ups is recent
set jit = off
as $function$
#variable_conflict use_column
declare
  v_few   integer[];
  v_zero  timestamptz := '2000-01-01 00:00+00';
  v_hour  timestamptz := date_bin('1 hour', now(), v_zero);
  v_since timestamptz := v_hour - interval '24 hours';
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
  with tenant as materialized (
    select t.tenant_hk, t.tenant_bk, row_number() over ()::bigint as number
    from script_tracking.tenant_h as t where p_tenants is null or t.tenant_hk = any (p_tenants)
  ),
  series as materialized (
    select s.series_id, s.script_type, t.number
    from script_tracking_internal.series as s join tenant as t on t.tenant_hk = s.tenant_hk
  ),
  pending as materialized (
    select t.number, p.script_type, p.failed, p.duration_us, p.execution_timestamp
    from script_tracking_internal.read_pending(p_tenants, v_since) as p join tenant as t on t.tenant_hk = p.tenant_hk
  ),
  kept as materialized (
    select s.number, s.script_type, r.*
    from script_tracking_internal.read_recent(v_few, v_since, v_kept) as r join series as s on s.series_id = r.series_id
  ),
  recent as (
    select k.number, k.script_type, k.executions, k.failures, k.executions - coalesce(h.operations, 0) as full_hours, k.timed,
      k.duration_us::double precision as duration_us, k.max_duration_us, k.last_at
    from kept as k
    left join (
      select h.series_id, sum(h.operations)::bigint as operations
      from script_tracking_internal.read_hours(v_few, v_hour, 'infinity') as h group by 1) as h on h.series_id = k.series_id
    union all
    select p.number, p.script_type, 1, p.failed::integer, (p.execution_timestamp < v_hour)::integer, (p.duration_us is not null)::integer,
      coalesce(p.duration_us, 0), p.duration_us, p.execution_timestamp
    from pending as p
  ),
  counted as (
    select r.number, sum(r.executions)::bigint as operations, sum(r.failures)::bigint as failed,
      sum(r.duration_us) / nullif(sum(r.timed), 0)::double precision / 1000000 as average_seconds,
      max(r.max_duration_us) as max_duration_us,
      coalesce(sum(r.executions) filter (where r.script_type = 'DDL'), 0)::bigint as ddl, max(r.last_at) as last_at,
      sum(r.full_hours)::double precision as full_hours,
      -- what the verdict goes by: that a password is wrong is no failure of the tenant's operations
      coalesce(sum(r.executions) filter (where r.script_type <> all ('{LOGIN,REGISTRATION}')), 0)::double precision as judged,
      coalesce(sum(r.failures) filter (where r.script_type <> all ('{LOGIN,REGISTRATION}')), 0)::bigint as judged_failed
    from recent as r group by 1
  ),
  week_before as (
    select k.number, nullif(sum(k.week_executions), 0)::double precision as operations, sum(k.week_failures)::double precision as failed
    from kept as k group by 1
  ),
  element as (  -- floating point adds several times as fast as what bigint adds up to, and is exact up to 2^53
    select e.number * 4096 + e.bucket + 1 as key, sum(e.counted) as counted
    from (
      -- how many in each, from how many up to each
      select k.number, unnest(k.buckets) as bucket, (unnest(k.uptos) - unnest(0::bigint || trim_array(k.uptos, 1)))::double precision as counted
      from kept as k where k.uptos <> '{}'
      union all
      select p.number, script_tracking_internal.sketch_bucket(p.duration_us), 1
      from pending as p where p.duration_us is not null) as e
    group by 1
  ),
  -- All in one row, ascending, beside the counts up to each: where a tenant begins and ends, and which of its durations is so
  -- many of them up, is a search by halves in it. Sorted by one number; what lies below a tenant is taken off.
  cumulated as materialized (
    select array_agg(c.key::double precision) as keys, array_agg(c.upto) as uptos
    from (
      select e.key, sum(e.counted) over (order by e.key rows unbounded preceding) as upto from element as e
      order by e.key offset 0) as c
  ),
  percentile as materialized (  -- else the row of all would go along with each
    select b.number,
      (b.keys[1 + width_bucket(b.below + ceil(0.95::double precision * b.total) - 0.5::double precision, b.uptos)] - b.least)::integer - 1 as p95
    from (
      select g.number, g.least, g.below, g.upto - g.below as total, g.keys, g.uptos
      from (
        select t.number, (t.number * 4096)::double precision as least, c.keys, c.uptos,
          coalesce(c.uptos[width_bucket((t.number * 4096)::double precision - 0.5::double precision, c.keys)], 0) as below,
          coalesce(c.uptos[width_bucket((t.number * 4096)::double precision + 4095.5::double precision, c.keys)], 0) as upto
        from cumulated as c cross join tenant as t where c.keys is not null
        offset 0) as g
      where g.upto > g.below
      offset 0) as b
  ),
  open as (
    select t.number, count(*) as running, min(o.execution_timestamp) as oldest, max(o.execution_timestamp) as newest
    from script_tracking_internal.running_operation as o join tenant as t on t.tenant_hk = o.tenant_hk
    group by 1
  )
  select t.tenant_bk::text,
    case when c.judged_failed >= 10 and c.judged_failed / c.judged > 0.2 then 'critical'
      when c.judged_failed > 0 then 'warning' else 'ok' end,
    coalesce(c.operations, 0), coalesce(c.failed, 0), c.failed::double precision / nullif(c.operations, 0), c.average_seconds,
    coalesce(o.running, 0), coalesce(c.ddl, 0), greatest(c.last_at, case when o.newest >= v_since then o.newest end),
    v_since, coalesce(c.operations, 0) * 60 / extract(epoch from now() - v_since)::double precision,
    least(script_tracking_internal.sketch_seconds(p.p95), c.max_duration_us::double precision / 1000000),
    (coalesce(c.full_hours, 0) - w.operations) / w.operations, w.failed / w.operations, o.oldest,
    array_remove(array[
      case when c.judged_failed > 0 then 'failures' end,
      case when c.judged_failed >= 10 and c.judged_failed / c.judged > 0.2 then 'failure_ratio' end,
      case when o.oldest < now() - interval '1 day' then 'running_for_a_day' end], null),
    p_checks
  from tenant as t
  left join counted as c on c.number = t.number
  left join week_before as w on w.number = t.number
  left join percentile as p on p.number = t.number
  left join open as o on o.number = t.number
  order by 1;
end
$function$;
