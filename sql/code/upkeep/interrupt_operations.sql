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
  v_seconds     numeric := coalesce(
    (select s.value::numeric from script_tracking_internal.setting as s
     where s.name = 'operation.interrupted_after_seconds' and s.value ~ '^[0-9]{1,9}$'), 300);
  v_running     record;
  v_interrupted bigint := 0;
begin
  perform pg_stat_clear_snapshot();
  for v_running in
    with running as materialized (
      select r.script_execution_hk, r.execution_timestamp, r.pid, r.backend_start, r.gone_since,
        case when r.heartbeat_at > r.execution_timestamp then r.heartbeat_at end as beaten_at
      from script_tracking_internal.running_operation as r
    ), session as materialized (
      select x.pid, x.backend_start, x.is_wal_writer from script_tracking_internal.sessions() as x
      where exists (select from running)
    )
    select r.script_execution_hk, r.execution_timestamp, r.beaten_at, r.gone_since, x.pid is not null as alive,
      r.backend_start is null and x.backend_start is not null as is_first_look, x.backend_start,
      greatest(coalesce(r.beaten_at, r.gone_since), u.up_since)
        + make_interval(secs => coalesce(
          case when jsonb_typeof(s.metadata -> 'interrupted_after_seconds') = 'number'
            then least(greatest((s.metadata ->> 'interrupted_after_seconds')::numeric, 0), 999999999) end,
          v_seconds)::double precision) as due_at
    from running as r
    cross join (select greatest(pg_postmaster_start_time(), max(w.backend_start)) as up_since
                from session as w where w.is_wal_writer) as u
    left join session as x on x.pid = r.pid and not x.is_wal_writer
      and case when x.backend_start is null then true  -- not to be seen: the pid has to do
            when r.backend_start is not null then x.backend_start = r.backend_start
            else x.backend_start <= r.execution_timestamp + interval '5 seconds' or x.backend_start > v_now end
    left join script_tracking.script_execution_s as s on s.script_execution_hk = r.script_execution_hk
      and s.execution_timestamp = r.execution_timestamp and s.load_end_date is null
      and (r.beaten_at is not null or r.gone_since is not null)
  loop
    if v_running.is_first_look or v_running.alive <> (v_running.gone_since is null) then
      update script_tracking_internal.running_operation as r
      set backend_start = coalesce(r.backend_start, v_running.backend_start),
          gone_since = case when not v_running.alive then v_now end
      where r.script_execution_hk = (
        select l.script_execution_hk from script_tracking_internal.running_operation as l
        where l.script_execution_hk = v_running.script_execution_hk for update skip locked);
    elsif coalesce(v_running.beaten_at, v_running.gone_since) is not null and v_running.due_at <= v_now
      and (v_running.beaten_at is not null or not exists (
        select from pg_prepared_xacts as p
        where p.database = current_database()
          and p.prepared between v_running.execution_timestamp and v_running.gone_since))
    then
      perform from script_tracking_internal.running_operation as r
      where r.script_execution_hk = v_running.script_execution_hk
        and (v_running.beaten_at is null or r.heartbeat_at = v_running.beaten_at)
        and (v_running.beaten_at is not null or r.heartbeat_at = r.execution_timestamp)
      for update skip locked;
      if found and script_tracking_internal.end_operation(
        v_running.script_execution_hk, null, 'INTERRUPTED', coalesce(v_running.beaten_at, v_running.gone_since),
        case when v_running.beaten_at is not null then 'the heartbeats ceased and nobody completed the operation'
          else 'the session ended and nobody completed the operation' end,
        null, null, null,
        jsonb_build_object('interrupted_because',
          case when v_running.beaten_at is not null then 'heartbeat_missed' else 'session_gone' end))
      then
        v_interrupted := v_interrupted + 1;
        exit when v_interrupted = 1000;
      end if;
    end if;
  end loop;
  return v_interrupted;
end
$function$;
