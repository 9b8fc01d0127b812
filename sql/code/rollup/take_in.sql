-- requires: rollup/ended_version.sql, rollup/sketch_bucket.sql, rollup/add_sketches.sql, rollup/add_cumulated.sql, rollup/script_label.sql, rollup/error_fingerprint.sql, upkeep/duration_bucket.sql
-- Adds versions to totals and roll-ups in one statement: those of this incarnation whose transaction is one of p_from up to
-- p_to, without it; or with p_lower and p_upper, for a rebuild, those of a partition below p_to or of an earlier
-- incarnation. Returns how many executions that were. The caller holds the lock on rollup_state, moves the horizon, and
-- sees to it that none is added twice.
-- Names and fingerprints beyond so many of a tenant and day count as one. Told apart are the first in the order of
-- transactions, in which roll-ups come by them: so a rebuild, whatever its steps, tells the same ones apart.
create or replace function script_tracking_internal.take_in(
  p_from xid8, p_to xid8, p_lower timestamptz default null, p_upper timestamptz default null)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_mergejoin = off  -- the planner knows nothing of what is joined here and would sort all versions
as $function$
declare
  v_incarnation integer := (select i.incarnation from script_tracking_internal.installation as i);
  v_fine  timestamptz := (select r.fine_since from script_tracking_internal.rollup_state as r);
  v_recent timestamptz := (select r.recent_since from script_tracking_internal.rollup_state as r);
  v_names integer := (select s.value::integer from script_tracking_internal.setting as s where s.name = 'rollup.names_a_day');
  v_kinds integer := (select s.value::integer from script_tracking_internal.setting as s where s.name = 'rollup.fingerprints_a_day');
  v_zero  timestamptz := '2000-01-01 00:00+00';
  v_zero_epoch constant double precision := date_part('epoch', v_zero);
  v_added bigint;
  v_done  boolean := false;
begin
  while not v_done loop  -- a second time where something came that has no number yet
    with series as materialized (  -- a tenant by a number as well, which sorts and compares quicker than its key
      select s.series_id, s.tenant_hk, s.script_type, t.tenant_number
      from script_tracking_internal.series as s
      join (select k.tenant_hk, min(k.series_id) as tenant_number from script_tracking_internal.series as k group by 1) as t
        on t.tenant_hk = s.tenant_hk
    ),
    -- Columns of fixed length come first: what is asked for most is found without unpacking the rest, which most versions lack.
    found as materialized (
      select s.series_id, v.failed, v.revises, date_bin('1 hour', v.execution_timestamp, v_zero) as hour,
        date_bin('1 day', v.execution_timestamp, v_zero) as day, v.execution_timestamp,
        v.incarnation::bigint * 281474976710656 + v.xid::text::bigint as turn, v.tracking_us, v.duration_us,
        v.status, v.error_class, v.script_name, s.tenant_number,
        case when s.series_id is null then v.tenant_hk end as tenant_hk, case when s.series_id is null then v.script_type end as script_type,
        case when v.failed or v.revises then v.script_execution_hk end as script_execution_hk,
        case when v.revises then v.load_date end as load_date,
        case when v.failed then v.sqlstate end as sqlstate, case when v.failed then v.error_message end as error_message
      from (
        select v.*
        from script_tracking_internal.ended_version as v
        where p_upper is null and v.xid >= p_from and v.xid < p_to and v.incarnation = v_incarnation
        union all
        select v.*
        from script_tracking_internal.ended_version as v
        where p_upper is not null and v.execution_timestamp >= p_lower and v.execution_timestamp < p_upper
          and v.incarnation > 0  -- what another node did, that one counts
          and (v.incarnation < v_incarnation or v.incarnation = v_incarnation and v.xid < p_to)) as v
      left join series as s on s.tenant_hk = v.tenant_hk and s.script_type = v.script_type
    ),
    -- Most often there is none. Where there is, nothing else is done: the next turn knows it.
    new_series as (
      insert into script_tracking_internal.series (tenant_hk, script_type)
      select f.tenant_hk, f.script_type from found as f where f.series_id is null group by 1, 2
      returning series_id
    ),
    version as not materialized (  -- what counts
      select f.* from found as f where not f.revises and (select count(*) from new_series as n) = 0
    ),
    fault as materialized (
      select f.* from found as f where (f.failed or f.revises) and (select count(*) from new_series as n) = 0
    ),
    counted as materialized (
      select v.series_id, v.status, v.error_class, script_tracking_internal.duration_bucket(v.duration_us) as bucket,
        count(*) as operations, coalesce(sum(v.duration_us), 0) as duration_us, sum(v.tracking_us) as tracking_us
      from version as v
      group by 1, 2, 3, 4
    ),
    totals as (
      insert into script_tracking_internal.operation_total as t
        (tenant_hk, script_type, status, error_class, bucket, operations, duration_us, tracking_us)
      select s.tenant_hk, s.script_type, c.status, c.error_class, c.bucket, c.operations, c.duration_us, c.tracking_us
      from counted as c
      join series as s on s.series_id = c.series_id
      on conflict (tenant_hk, script_type, status, error_class, bucket) do update
      set operations = t.operations + excluded.operations,
          duration_us = t.duration_us + excluded.duration_us,
          tracking_us = t.tracking_us + excluded.tracking_us
    ),
    hour_sum as materialized (
      select v.hour, v.series_id, v.status, count(*) as operations, count(v.duration_us) as timed,
        coalesce(sum(v.duration_us), 0) as duration_us, max(v.duration_us) as max_duration_us, max(v.execution_timestamp) as last_at
      from version as v
      group by 1, 2, 3
    ),
    -- An hour that has no row yet gets its rows without a search for each. One row of an hour tells, so it need not read on.
    known_hour as materialized (
      select h.hour from (select c.hour from hour_sum as c group by 1) as h
      cross join lateral (select from script_tracking_internal.operation_hour as t where t.hour = h.hour limit 1) as t
    ),
    new_hours as (
      insert into script_tracking_internal.operation_hour
        (hour, series_id, status, operations, timed, duration_us, max_duration_us, last_at)
      select c.* from hour_sum as c where c.hour not in (select k.hour from known_hour as k)
      order by 1, 2
    ),
    hours as (
      insert into script_tracking_internal.operation_hour as t
        (hour, series_id, status, operations, timed, duration_us, max_duration_us, last_at)
      select c.* from hour_sum as c where c.hour in (select k.hour from known_hour as k)
      order by 1, 2
      on conflict (hour, series_id, status) do update
      set operations = t.operations + excluded.operations,
          timed = t.timed + excluded.timed,
          duration_us = t.duration_us + excluded.duration_us,
          max_duration_us = greatest(t.max_duration_us, excluded.max_duration_us),
          last_at = greatest(t.last_at, excluded.last_at)
    ),
    sketch as materialized (  -- hour, series and bucket in one number: to count and to sort by one is a third of the work
      select v_zero + make_interval(hours => (c.place >> 31)::integer) as since, (c.place & 2147483647)::integer as series_id,
        array_agg((c.key & 4095)::smallint - 1::smallint) as buckets, array_agg(c.counted) as counts
      from (
        select k.key >> 12 as place, k.key, k.counted
        from (
          select (((date_part('epoch', case when v.hour >= v_fine then v.hour else v.day end) - v_zero_epoch) / 3600)::bigint << 43)
              + (v.series_id::bigint << 12) + script_tracking_internal.sketch_bucket(v.duration_us) + 1 as key,
            count(*) as counted
          from version as v where v.duration_us is not null
          group by 1) as k
        order by 1, 2) as c
      group by c.place
    ),
    known_sketch as materialized (
      select h.since from (select c.since from sketch as c group by 1) as h
      cross join lateral (select from script_tracking_internal.duration_sketch as t where t.since = h.since limit 1) as t
    ),
    new_sketches as (
      insert into script_tracking_internal.duration_sketch (since, series_id, buckets, counts)
      select c.* from sketch as c where c.since not in (select k.since from known_sketch as k)
    ),
    sketches as (
      insert into script_tracking_internal.duration_sketch as t (since, series_id, buckets, counts)
      select c.* from sketch as c where c.since in (select k.since from known_sketch as k)
      on conflict (since, series_id) do update
      set (buckets, counts) = (
        select a.buckets, a.counts
        from script_tracking_internal.add_sketches(t.buckets, t.counts, excluded.buckets, excluded.counts) as a)
    ),
    recent_sum as (
      select c.series_id, coalesce(sum(c.operations) filter (where c.hour >= v_recent), 0) as executions,
        coalesce(sum(c.operations) filter (where c.hour >= v_recent and c.failed), 0) as failures,
        coalesce(sum(c.timed) filter (where c.hour >= v_recent), 0) as timed,
        coalesce(sum(c.duration_us) filter (where c.hour >= v_recent), 0) as duration_us,
        max(c.max_duration_us) filter (where c.hour >= v_recent) as max_duration_us, max(c.last_at) filter (where c.hour >= v_recent) as last_at,
        coalesce(sum(c.operations) filter (where c.hour < v_recent), 0) as week_executions,
        coalesce(sum(c.operations) filter (where c.hour < v_recent and c.failed), 0) as week_failures
      from (select h.*, h.status = 'FAILED' or h.status = 'INTERRUPTED' as failed from hour_sum as h) as c
      where c.hour >= v_recent or c.hour >= v_recent - interval '168 hours' and c.hour < v_recent - interval '144 hours'
      group by 1
    ),
    recent_sketch as (
      select u.series_id, array_agg(u.bucket) as buckets, array_agg(u.upto) as uptos
      from (
        select e.series_id, e.bucket, sum(sum(e.counted)) over (partition by e.series_id order by e.bucket rows unbounded preceding)::bigint as upto
        from (select c.series_id, unnest(c.buckets) as bucket, unnest(c.counts) as counted from sketch as c where c.since >= v_recent) as e
        group by 1, 2
        order by 1, 2) as u
      group by 1
    ),
    recent as (
      insert into script_tracking_internal.series_recent as t
        (series_id, executions, failures, timed, duration_us, max_duration_us, last_at, week_executions, week_failures, buckets, uptos)
      select c.series_id, c.executions, c.failures, c.timed, c.duration_us, c.max_duration_us, c.last_at, c.week_executions, c.week_failures,
        coalesce(k.buckets, '{}'), coalesce(k.uptos, '{}')
      from recent_sum as c left join recent_sketch as k on k.series_id = c.series_id
      on conflict (series_id) do update
      set executions = t.executions + excluded.executions,
          failures = t.failures + excluded.failures,
          timed = t.timed + excluded.timed,
          duration_us = t.duration_us + excluded.duration_us,
          max_duration_us = greatest(t.max_duration_us, excluded.max_duration_us),
          last_at = greatest(t.last_at, excluded.last_at),
          week_executions = t.week_executions + excluded.week_executions,
          week_failures = t.week_failures + excluded.week_failures,
          (buckets, uptos) = (
            select a.buckets, a.uptos
            from script_tracking_internal.add_cumulated(t.buckets, t.uptos, excluded.buckets, excluded.uptos) as a)
    ),
    name as materialized (
      select n.*, s.tenant_number
      from (
        select v.day, v.series_id, script_tracking_internal.script_label(v.script_name) as script_name,
          min(v.turn) as turn, count(*) as executions, count(*) filter (where v.failed) as failures,
          count(v.duration_us) as timed, coalesce(sum(v.duration_us), 0) as duration_us, max(v.duration_us) as max_duration_us
        from version as v
        group by 1, 2, 3) as n
      join series as s on s.series_id = n.series_id
    ),
    outranked as (
      delete from script_tracking_internal.script_top as t
      where t.series_id in (select n.series_id from name as n where n.day >= date_bin('1 day', v_recent, v_zero))
    ),
    known_name as materialized (
      select g.day, s.tenant_number, s.series_id, d.script_name
      from (select n.day, n.tenant_number from name as n group by 1, 2) as g
      join series as s on s.tenant_number = g.tenant_number
      cross join lateral (  -- by the index, whatever the planner thinks of the sizes
        select d.script_name from script_tracking_internal.script_day as d
        where d.day = g.day and d.series_id = s.series_id and d.script_name <> '' offset 0) as d
    ),
    placed_name as (
      select n.*, d.script_name is not null or coalesce(g.known, 0)
        + row_number() over (partition by n.day, n.tenant_number, d.script_name is null
            order by n.turn, n.series_id, n.script_name collate "C") <= v_names as is_told_apart
      from name as n
      left join known_name as d on d.day = n.day and d.series_id = n.series_id and d.script_name = n.script_name
      left join (select k.day, k.tenant_number, count(*) as known from known_name as k group by 1, 2) as g
        on g.day = n.day and g.tenant_number = n.tenant_number
    ),
    scripts as (
      insert into script_tracking_internal.script_day as t
        (day, series_id, script_name, executions, failures, timed, duration_us, max_duration_us)
      select p.day, p.series_id, case when p.is_told_apart then p.script_name else '' end,
        sum(p.executions), sum(p.failures), sum(p.timed), sum(p.duration_us), max(p.max_duration_us)
      from placed_name as p
      group by 1, 2, 3
      order by 1, 2
      on conflict (day, series_id, script_name) do update
      set executions = t.executions + excluded.executions,
          failures = t.failures + excluded.failures,
          timed = t.timed + excluded.timed,
          duration_us = t.duration_us + excluded.duration_us,
          max_duration_us = greatest(t.max_duration_us, excluded.max_duration_us)
    ),
    error as materialized (
      select f.since, f.day, f.series_id, f.tenant_number, f.sqlstate, f.fingerprint, min(f.turn) as turn,
        sum(f.errors) as errors, min(f.execution_timestamp) as first_seen_at, max(f.execution_timestamp) as last_seen_at,
        (array_agg(f.script_execution_hk order by f.execution_timestamp desc, f.script_execution_hk desc))[1] as script_execution_hk,
        (array_agg(f.script_name order by f.execution_timestamp desc, f.script_execution_hk desc))[1] as script_name,
        (array_agg(f.error_message order by f.execution_timestamp desc, f.script_execution_hk desc))[1] as error_message
      from (
        select case when v.hour >= v_fine then v.hour else v.day end as since, v.day, v.series_id, v.tenant_number, v.sqlstate,
          script_tracking_internal.error_fingerprint(v.error_message) as fingerprint, v.turn, 1 as errors,
          v.execution_timestamp, v.script_execution_hk, left(v.script_name, 200) as script_name,
          left(v.error_message, 1000) as error_message
        from fault as v where v.failed
        union all
        -- what a version revises is in the roll-up already, or comes into it
        select case when v.hour >= v_fine then v.hour else v.day end, v.day, v.series_id, v.tenant_number,
          coalesce(s.metadata ->> 'sqlstate', ''), script_tracking_internal.error_fingerprint(s.error_message), v.turn, -1,
          v.execution_timestamp, v.script_execution_hk, left(s.script_name, 200), left(s.error_message, 1000)
        from (select v.* from fault as v where v.revises offset 0) as v
        cross join lateral (
          select s.metadata, s.error_message, s.script_name
          from script_tracking.script_execution_s as s
          where s.script_execution_hk = v.script_execution_hk and s.execution_timestamp = v.execution_timestamp
            and s.load_end_date = v.load_date and (s.execution_status = 'FAILED' or s.execution_status = 'INTERRUPTED')
          offset 0) as s) as f
      group by 1, 2, 3, 4, 5, 6
    ),
    known_kind as materialized (
      select distinct g.day, g.tenant_number, s.series_id, t.sqlstate, t.fingerprint
      from (select e.day, e.tenant_number from error as e group by 1, 2) as g
      join series as s on s.tenant_number = g.tenant_number
      cross join lateral (
        select t.sqlstate, t.fingerprint from script_tracking_internal.error_seen as t
        where t.since >= g.day and t.since < g.day + interval '1 day' and t.series_id = s.series_id
          and t.fingerprint <> 'other' offset 0) as t
    ),
    placed_kind as (
      select k.day, k.series_id, k.sqlstate, k.fingerprint, d.fingerprint is not null or coalesce(g.known, 0)
        + row_number() over (partition by k.day, k.tenant_number, d.fingerprint is null
            order by k.turn, k.series_id, k.sqlstate, k.fingerprint) <= v_kinds as is_told_apart
      from (
        select e.day, e.tenant_number, e.series_id, e.sqlstate, e.fingerprint, min(e.turn) as turn
        from error as e group by 1, 2, 3, 4, 5) as k
      left join known_kind as d on d.day = k.day and d.series_id = k.series_id and d.sqlstate = k.sqlstate
        and d.fingerprint = k.fingerprint
      left join (select d.day, d.tenant_number, count(*) as known from known_kind as d group by 1, 2) as g
        on g.day = k.day and g.tenant_number = k.tenant_number
    ),
    errors as (
      insert into script_tracking_internal.error_seen as t
        (since, series_id, sqlstate, fingerprint, errors, first_seen_at, last_seen_at, script_execution_hk, script_name,
         error_message)
      select e.since, e.series_id, case when p.is_told_apart then e.sqlstate else '' end,
        case when p.is_told_apart then e.fingerprint else 'other' end, sum(e.errors), min(e.first_seen_at), max(e.last_seen_at),
        (array_agg(e.script_execution_hk order by e.last_seen_at desc, e.script_execution_hk desc))[1],
        case when p.is_told_apart then max(e.script_name) else '' end,
        case when p.is_told_apart then max(e.error_message) end
      from error as e
      join placed_kind as p on p.day = e.day and p.series_id = e.series_id and p.sqlstate = e.sqlstate
        and p.fingerprint = e.fingerprint
      group by 1, 2, 3, 4, p.is_told_apart
      on conflict (since, series_id, sqlstate, fingerprint) do update
      set errors = t.errors + excluded.errors,
          first_seen_at = least(t.first_seen_at, excluded.first_seen_at),
          last_seen_at = greatest(t.last_seen_at, excluded.last_seen_at),
          (script_execution_hk, script_name, error_message) = (
            select case when m.newer then excluded.script_execution_hk else t.script_execution_hk end,
              case when m.newer then excluded.script_name else t.script_name end,
              case when m.newer then excluded.error_message else t.error_message end
            from (select excluded.last_seen_at > t.last_seen_at or excluded.last_seen_at = t.last_seen_at
              and excluded.script_execution_hk > t.script_execution_hk as newer) as m)
    )
    select coalesce(sum(c.operations), 0)::bigint, (select count(*) from new_series as n) = 0 into v_added, v_done from counted as c;
  end loop;
  return v_added;
end
$function$;
