-- requires: operation/end_operation.sql, upkeep/sessions.sql
-- Declares INTERRUPTED what will not be completed: no heartbeat for so long as the setting
-- operation.interrupted_after_seconds says or, for an operation that never sent one, its session gone for so long. The
-- operation's own metadata.interrupted_after_seconds goes before the setting. Returns how many, at most 1000 at a time.
-- Nothing is said of an operation
-- - before the server has been up for so long: while it was down, neither a heartbeat nor a completion could arrive;
-- - whose state row is locked: somebody completes it, perhaps in a transaction that is prepared;
-- - whose session may have left a prepared transaction behind: whoever ends that one may complete the operation.
-- The session is known by pid and start. Its start is noted when it is first seen here; until then a session that
-- started after the operation is another one, unless the clock was set back. A session has to be missed at two looks.
-- However many operations run, a look reads the state table alone, locks 5000 rows of it at most, the missed ones first,
-- and reads the record of each operation once, at the first.
create or replace function script_tracking_internal.interrupt_operations()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set enable_seqscan = off  -- a plan made while the state table was empty serves it when it is full
set jit = off
as $function$
declare
  v_now         timestamptz := clock_timestamp();
  v_up_since    timestamptz;
  v_seconds     double precision := coalesce(
    (select s.value::double precision from script_tracking_internal.setting as s
     where s.name = 'operation.interrupted_after_seconds' and s.value ~ '^[0-9]{1,9}$'), 300);
  v_due         record;
  v_interrupted bigint := 0;
begin
  if not exists (select from script_tracking_internal.running_operation) then
    return 0;
  end if;
  perform pg_stat_clear_snapshot();
  with session as materialized (
    select x.pid, x.backend_start from script_tracking_internal.sessions() as x where not x.is_wal_writer
  ), looked as materialized (
    select r.script_execution_hk, r.execution_timestamp, x.backend_start, x.pid is not null as alive
    from script_tracking_internal.running_operation as r
    left join session as x on x.pid = r.pid
      and case when x.backend_start is null then true  -- not to be seen: the pid has to do
            when r.backend_start is not null then x.backend_start = r.backend_start
            else x.backend_start <= r.execution_timestamp + interval '5 seconds' or x.backend_start > v_now end
    where r.allowed_seconds is null or (x.pid is not null) <> (r.gone_since is null)
      or r.backend_start is null and x.backend_start is not null
    order by x.pid is not null
    limit 5000
    for update of r skip locked
  )
  update script_tracking_internal.running_operation as r
  set backend_start = coalesce(r.backend_start, l.backend_start),
      gone_since = case when not l.alive then coalesce(r.gone_since, v_now) end,
      allowed_seconds = coalesce(r.allowed_seconds, (
        select case when jsonb_typeof(s.metadata -> 'interrupted_after_seconds') = 'number'
          then least(greatest((s.metadata ->> 'interrupted_after_seconds')::numeric, 0), 999999999)::double precision end
        from script_tracking.script_execution_s as s
        where s.script_execution_hk = l.script_execution_hk and s.execution_timestamp = l.execution_timestamp
          and s.load_end_date is null), 'infinity')
  from looked as l
  where r.script_execution_hk = l.script_execution_hk;

  select greatest(pg_postmaster_start_time(), max(x.backend_start)) into v_up_since
  from script_tracking_internal.sessions() as x where x.is_wal_writer;
  for v_due in
    select r.script_execution_hk, b.beaten_at, coalesce(b.beaten_at, r.gone_since) as ended_at
    from script_tracking_internal.running_operation as r
    cross join lateral (select case when r.heartbeat_at > r.execution_timestamp then r.heartbeat_at end as beaten_at) as b
    where r.allowed_seconds is not null
      and r.xmin is distinct from pg_current_xact_id_if_assigned()::xid  -- what this look has noted the next one judges
      and (b.beaten_at is not null or r.gone_since is not null and not exists (
        select from pg_prepared_xacts as p
        where p.database = current_database() and p.prepared between r.execution_timestamp and r.gone_since))
      and greatest(coalesce(b.beaten_at, r.gone_since), v_up_since)
        + make_interval(secs => coalesce(nullif(r.allowed_seconds, 'infinity'), v_seconds)) <= v_now
  loop
    perform from script_tracking_internal.running_operation as r
    where r.script_execution_hk = v_due.script_execution_hk
      and (v_due.beaten_at is null or r.heartbeat_at = v_due.beaten_at)
      and (v_due.beaten_at is not null or r.heartbeat_at = r.execution_timestamp)
    for update skip locked;
    if found and script_tracking_internal.end_operation(
      v_due.script_execution_hk, null, 'INTERRUPTED', v_due.ended_at,
      case when v_due.beaten_at is not null then 'the heartbeats ceased and nobody completed the operation'
        else 'the session ended and nobody completed the operation' end,
      null, null, null,
      jsonb_build_object('interrupted_because',
        case when v_due.beaten_at is not null then 'heartbeat_missed' else 'session_gone' end))
    then
      v_interrupted := v_interrupted + 1;
      exit when v_interrupted = 1000;
    end if;
  end loop;
  return v_interrupted;
end
$function$;
