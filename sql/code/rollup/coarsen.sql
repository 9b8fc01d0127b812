-- Merges the hourly rows of sketches and errors that are older than a week into daily ones. Where the change lies is noted
-- in rollup_state, whose lock the caller holds, and never goes back.
create or replace function script_tracking_internal.coarsen()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_day  interval := '1 day';
  v_zero timestamptz := '2000-01-01 00:00+00';
  v_to   timestamptz := date_bin('1 day', now(), v_zero) - interval '8 days';
  v_from timestamptz;
begin
  select r.fine_since into strict v_from from script_tracking_internal.rollup_state as r;
  if v_to <= v_from then
    return;
  end if;
  with hourly as (
    delete from script_tracking_internal.duration_sketch as t where t.since >= v_from and t.since < v_to returning t.*
  )
  insert into script_tracking_internal.duration_sketch as t (since, series_id, buckets, counts)
  select c.day, c.series_id, array_agg(c.bucket), array_agg(c.counted)
  from (
    select date_bin(v_day, h.since, v_zero) as day, h.series_id, u.bucket, sum(u.counted)::bigint as counted
    from hourly as h cross join lateral unnest(h.buckets, h.counts) as u (bucket, counted)
    group by 1, 2, 3
    order by 1, 2, 3) as c
  group by 1, 2;

  with hourly as (
    delete from script_tracking_internal.error_seen as t where t.since >= v_from and t.since < v_to returning t.*
  )
  insert into script_tracking_internal.error_seen as t
    (since, series_id, sqlstate, fingerprint, errors, first_seen_at, last_seen_at, script_execution_hk, script_name, error_message)
  select date_bin(v_day, h.since, v_zero), h.series_id, h.sqlstate, h.fingerprint, sum(h.errors),
    min(h.first_seen_at), max(h.last_seen_at),
    (array_agg(h.script_execution_hk order by h.last_seen_at desc, h.script_execution_hk desc))[1],
    (array_agg(h.script_name order by h.last_seen_at desc, h.script_execution_hk desc))[1],
    (array_agg(h.error_message order by h.last_seen_at desc, h.script_execution_hk desc))[1]
  from hourly as h
  group by 1, 2, 3, 4;
  update script_tracking_internal.rollup_state set fine_since = v_to;
end
$function$;
