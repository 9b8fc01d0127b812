-- requires: rollup/pending_version.sql, rollup/error_fingerprint.sql
-- get_recent_errors() for the tenants of p_tenants: from the roll-ups, and what they do not hold yet.
-- In plpgsql for the plan, which a session keeps; the caller has pinned its settings.
create or replace function script_tracking_internal.tenant_errors(p_tenants bytea[], p_hours integer)
returns table (
  tenant text, script_type varchar, script_name varchar, error_class text, error_sqlstate text, error_message text,
  errors bigint, first_seen_at timestamptz, last_seen_at timestamptz, last_execution_hk bytea, fingerprint text,
  since timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- that plan does not know how little of the roll-ups is recent
set jit = off
as $function$
#variable_conflict use_column
declare
  v_zero  timestamptz := '2000-01-01 00:00+00';
  v_from  timestamptz := now() - make_interval(hours => least(p_hours, 1000000));
  v_since timestamptz := date_bin('1 hour', v_from, v_zero);
begin
  if v_since < (select r.fine_since from script_tracking_internal.rollup_state as r) then
    v_since := date_bin('1 day', v_from, v_zero);
  end if;
  return query
  with fresh as materialized (
    select p.tenant_hk, p.script_type, p.script_execution_hk, p.load_date, p.execution_timestamp, p.script_name, p.sqlstate,
      p.error_message, p.failed, p.revises
    from script_tracking_internal.pending_version as p
    where p.execution_timestamp >= v_since and (p.failed or p.revises) and p.tenant_hk = any (p_tenants)
  ),
  seen as (
    select s.tenant_hk, s.script_type, e.sqlstate, e.fingerprint, e.errors, e.first_seen_at, e.last_seen_at,
      e.script_execution_hk, e.script_name, e.error_message
    from script_tracking_internal.error_seen as e
    join script_tracking_internal.series as s on s.series_id = e.series_id
    where e.since >= v_since and s.tenant_hk = any (p_tenants)
    union all
    select f.tenant_hk, f.script_type, f.sqlstate, script_tracking_internal.error_fingerprint(f.error_message), 1,
      f.execution_timestamp, f.execution_timestamp, f.script_execution_hk, left(f.script_name, 200), left(f.error_message, 1000)
    from fresh as f where f.failed
    union all
    select f.tenant_hk, f.script_type, coalesce(s.metadata ->> 'sqlstate', ''), script_tracking_internal.error_fingerprint(s.error_message), -1,
      f.execution_timestamp, f.execution_timestamp, f.script_execution_hk, left(s.script_name, 200), left(s.error_message, 1000)
    from fresh as f
    cross join lateral (
      select s.metadata, s.error_message, s.script_name
      from script_tracking.script_execution_s as s
      where s.script_execution_hk = f.script_execution_hk and s.execution_timestamp = f.execution_timestamp
        and s.load_end_date = f.load_date and (s.execution_status = 'FAILED' or s.execution_status = 'INTERRUPTED')
      offset 0) as s
    where f.revises
  )
  select t.tenant_bk::text, k.script_type, nullif(k.sample[1], '')::varchar,
    case when k.sqlstate ~ '^[0-9A-Z]{5}$' then left(k.sqlstate, 2) else 'unknown' end, nullif(k.sqlstate, ''), k.sample[2],
    k.errors, k.first_seen_at, k.last_seen_at, k.script_execution_hk, k.fingerprint, v_since
  from (
    select s.tenant_hk, s.script_type, s.sqlstate, s.fingerprint, sum(s.errors)::bigint as errors,
      min(s.first_seen_at) as first_seen_at, max(s.last_seen_at) as last_seen_at,
      (array_agg(s.script_execution_hk order by s.last_seen_at desc, s.script_execution_hk desc))[1] as script_execution_hk,
      array[(array_agg(s.script_name order by s.last_seen_at desc, s.script_execution_hk desc))[1],
        (array_agg(s.error_message order by s.last_seen_at desc, s.script_execution_hk desc))[1]] as sample
    from seen as s
    group by 1, 2, 3, 4) as k
  join script_tracking.tenant_h as t on t.tenant_hk = k.tenant_hk
  where k.errors > 0 and k.last_seen_at >= v_from
    -- the tenant's own retention hides what it hides in the record; the newest failure is the one shown
    and not exists (
      select from script_tracking_internal.tenant_retention as r
      where r.tenant_hk = k.tenant_hk and k.last_seen_at < now() - make_interval(days => r.days))
  order by 9 desc, 10 desc;
end
$function$;
