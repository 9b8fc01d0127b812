-- requires: serverlog/record_log_error.sql, serverlog/attempt_of_error.sql, serverlog/hand_error.sql
-- Hands each error of the log to the attempt that it ended, and to those around it, as soon as no attempt can come any
-- more: when the write-ahead log was read beyond what it held when the error was noted. An error without one becomes a
-- record of its own, where the attempt may come all the same (settle_overdue_errors()) noted as such. Returns how many still wait.
create or replace function script_tracking_internal.settle_log_errors()
returns bigint
language plpgsql volatile
as $function$
declare
  v_error   script_tracking_internal.log_error;
  v_attempt text;
  v_basic   boolean;
  v_read    pg_lsn;
  v_looked  boolean := false;
begin
  select i.capture_level = 'basic' into strict v_basic from script_tracking_internal.installation as i;
  select s.read_lsn into v_read from script_tracking_internal.capture_state as s;
  for v_error in
    select e.* from script_tracking_internal.log_error as e
    where e.settled_at is null order by e.logged_at, e.session_id, e.line limit 1000
  loop
    -- the rest comes next, but one at least now: cut off by a timeout all of it would be undone
    exit when v_looked and pg_catalog.clock_timestamp() > pg_catalog.statement_timestamp() + interval '10 seconds';
    v_looked := true;
    -- only then is it known which attempt of the session was the last
    continue when not v_basic and coalesce(v_read < v_error.noted_lsn, true)
      and v_error.seen_at > pg_catalog.clock_timestamp() - interval '15 minutes';
    v_attempt := script_tracking_internal.attempt_of_error(v_error);
    if v_attempt is null and not v_error.entry ? 'tag' then  -- nothing to do with DDL: it was noted for its process alone
      delete from script_tracking_internal.log_error as e
      where e.session_id = v_error.session_id and e.line = v_error.line;
      continue;
    elsif v_attempt is null then
      perform script_tracking_internal.record_log_error(v_error);
      if not v_basic and coalesce(v_read < v_error.noted_lsn, true) then
        update script_tracking_internal.log_error as e set entry = e.entry || '{"overdue": true}'
        where e.session_id = v_error.session_id and e.line = v_error.line;
      end if;
    end if;
    -- of what has announced its end only the end of its transaction tells whether it is on record
    continue when v_error.seen_at > pg_catalog.clock_timestamp() - interval '15 minutes' and exists (
      select from script_tracking_internal.attempt as a
      where a.attempt_id = v_attempt and a.end_xid < pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
        and pg_catalog.pg_xact_status(a.end_xid) = 'in progress');
    perform script_tracking_internal.hand_error(v_error, v_attempt, null);
    update script_tracking_internal.log_error as e set settled_at = pg_catalog.clock_timestamp()
    where e.session_id = v_error.session_id and e.line = v_error.line;
  end loop;
  return (select count(*) from script_tracking_internal.log_error as e where e.settled_at is null);
end
$function$;
