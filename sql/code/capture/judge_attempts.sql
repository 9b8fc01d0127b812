-- requires: capture/lock_capture.sql, capture/record_attempt.sql, serverlog/settle_overdue_errors.sql, upkeep/server_began.sql, vault/business_key.sql
-- Last step of a round: what became of the attempts whose outcome is certain by now, and the records of those that failed
-- or were rolled back. Returns how many were judged.
-- An announced end is decided by its transaction (a prepared one is still in progress); only a statement later is the
-- record looked for, so that a commit in between cannot be missed. Without an end the statement failed; where its session
-- is gone as well, it was interrupted, unless no session of the database was killed or died since. Counters that were read
-- before this life of the server are no evidence of it: a shutdown kills every session, a crash sets the counters back.
create or replace function script_tracking_internal.judge_attempts()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_read    pg_lsn;
  v_full    boolean;
  v_grace   interval := case when current_setting('server_version_num')::integer < 150000
    then interval '1 second' else '0' end;  -- 14 collects the statistics of sessions that have ended a little later
  v_attempt script_tracking_internal.attempt;
  v_status  text;
  v_row     boolean;
  v_before  script_tracking_internal.capture_reading;
  v_now     script_tracking_internal.capture_reading;
  v_judged  bigint := 0;
  v_log_read timestamptz;  -- to its end
  v_server_began timestamptz;
  v_known   boolean;
  -- what there is no time for comes next: cut off by a timeout it would all be undone, and begun again for ever
  v_until   constant timestamptz := statement_timestamp() + interval '5 seconds';
begin
  if not script_tracking_internal.lock_capture() then
    return 0;
  end if;
  select s.read_lsn into strict v_read from script_tracking_internal.capture_state as s;
  select i.capture_level = 'full' into strict v_full from script_tracking_internal.installation as i;
  select d.sessions_killed + d.sessions_fatal into v_now.bad_ends from pg_stat_database as d where d.datname = current_database();

  for v_attempt in
    select a.* from script_tracking_internal.attempt as a
    where a.verdict is null and a.incarnation = (select i.incarnation from script_tracking_internal.installation as i)
      and (a.ended_at is not null or (a.past_lsn <= v_read and (not a.gone or a.past_at < clock_timestamp() - v_grace)))
      -- those of an open transaction are left out, however many: they would take the place of all others
      and case when a.end_xid is null then true
        when a.end_xid >= pg_snapshot_xmax(pg_current_snapshot()) then false
        else pg_xact_status(a.end_xid) is distinct from 'in progress' end
    order by a.started_at limit 2000
  loop
    v_status := case
      when v_attempt.end_xid is null then null
      when v_attempt.end_xid >= pg_snapshot_xmax(pg_current_snapshot()) then 'in progress'
      else pg_xact_status(v_attempt.end_xid) end;
    continue when v_status = 'in progress';
    v_attempt.verdict_note := null;
    if v_attempt.skipped is not null then
      v_attempt.verdict := case when v_attempt.skipped like 'lost: %' then 'LOST' else 'SKIPPED' end;
    else
      select exists (
        select from script_tracking.script_execution_h as h
        where h.load_date = v_attempt.started_at and h.script_execution_hk = sha256(convert_to(
          script_tracking_internal.business_key(v_attempt.tag, v_attempt.started_at, v_attempt.attempt_id), 'UTF8')))
      into v_row;
      select r.* into v_before from script_tracking_internal.capture_reading as r
      where r.read_at <= v_attempt.started_at order by r.read_at desc limit 1;
      if v_row then
        v_attempt.verdict := 'COMPLETED';
      elsif v_attempt.ended_at is not null then
        select case when q.is_called then q.last_value else 0 end into strict v_now.lost
        from script_tracking_internal.lost_record_seq as q;
        if v_status = 'aborted' or v_now.lost = v_before.lost then
          v_attempt.verdict := 'ROLLED_BACK';
        else
          v_attempt.verdict := 'LOST';
          v_attempt.verdict_note := 'rolled back to a savepoint, or among the records that were lost meanwhile';
        end if;
      elsif v_attempt.sqlstate is not null then
        v_attempt.verdict := 'FAILED';  -- or INTERRUPTED, by what the server's log says: record_attempt() knows
      elsif not v_attempt.gone then
        v_attempt.verdict := 'FAILED';
      else
        v_server_began := coalesce(v_server_began, script_tracking_internal.server_began());
        v_known := coalesce(v_before.read_at >= v_server_began, false);
        if v_server_began >= v_attempt.started_at then
          v_attempt.verdict := 'INTERRUPTED';
          v_attempt.verdict_note := 'the server was stopped or crashed';
        elsif v_now.bad_ends = (case when v_known then v_before.bad_ends else 0 end) then
          v_attempt.verdict := 'FAILED';
        else
          v_attempt.verdict := 'INTERRUPTED';
          v_attempt.verdict_note := 'its session is gone' || case
            when v_known then ', and a session of this database was killed or died meanwhile'
            else '; whether it was killed is not known: nothing had been read of this server since its start' end;
        end if;
      end if;
    end if;
    update script_tracking_internal.attempt as a
    set verdict = v_attempt.verdict, verdict_note = v_attempt.verdict_note, judged_at = clock_timestamp()
    where a.attempt_id = v_attempt.attempt_id;
    v_judged := v_judged + 1;
    exit when clock_timestamp() > v_until;
  end loop;

  -- read so late that its error may have a record of its own by now (settle_log_errors() waits a quarter of an hour)
  if exists (
    select from script_tracking_internal.attempt as a
    where a.verdict in ('FAILED', 'INTERRUPTED', 'ROLLED_BACK') and a.recorded_at is null
      and a.seen_at > a.started_at + interval '15 minutes')
  then
    perform script_tracking_internal.settle_overdue_errors();
  end if;

  -- At level full the server's log adds SQLSTATE and message: then one version tells all, and is counted by what it failed of. What
  -- had announced its end may have failed all the same, in the commit. So a record waits until the log was read after the verdict,
  -- a minute at most, and for an error of its process that waits to be handed over, as long as that does (settle_log_errors()).
  select case when p.bytes_behind = 0 then p.read_at end into v_log_read from script_tracking_internal.log_position as p;
  for v_attempt in
    select a.* from script_tracking_internal.attempt as a
    where a.verdict in ('FAILED', 'INTERRUPTED', 'ROLLED_BACK') and a.recorded_at is null
      and (not v_full or a.sqlstate is not null or (
        -- who writes the log is another process
        (a.judged_at < v_log_read - interval '1 second' or a.judged_at < clock_timestamp() - interval '1 minute')
        and not exists (
          select from script_tracking_internal.log_error as e
          where e.pid = a.pid and e.settled_at is null and e.logged_at > a.started_at - interval '2 milliseconds'
            and e.seen_at > clock_timestamp() - interval '15 minutes')))
    order by a.judged_at, a.started_at limit 2000
  loop
    v_row := script_tracking_internal.record_attempt(v_attempt.attempt_id);
    exit when clock_timestamp() > v_until + interval '5 seconds';
  end loop;

  delete from script_tracking_internal.capture_reading as r
  where r.read_at < clock_timestamp() - interval '1 hour'
    and r.read_at < (select max(o.read_at) from script_tracking_internal.capture_reading as o
      where o.read_at <= (select coalesce(min(a.started_at), clock_timestamp()) from script_tracking_internal.attempt as a
                          where a.verdict is null));
  return v_judged;
end
$function$;
