-- requires: serverlog/log_evidence.sql, capture/record_attempt.sql
-- Hands an error of the log to the attempt that it ended, and to those around it: one that reached the log was caught by nobody,
-- so whatever was under way around it failed of it. p_told is the one of them that the error's own record stands for already.
create or replace function script_tracking_internal.hand_error(
  p_error script_tracking_internal.log_error, p_attempt text, p_told text)
returns void
language plpgsql volatile
as $function$
declare
  v_attempt text := p_attempt;
  v_evident text;
  v_late    boolean := true;  -- of the error itself the attempt may have announced its end, of those around it none has
begin
  while v_attempt is not null loop
    update script_tracking_internal.attempt as a
    set sqlstate = p_error.entry ->> 'sqlstate', error_message = p_error.entry ->> 'message',
      log_evidence = script_tracking_internal.log_evidence(p_error), failed_at = p_error.logged_at,
      verdict = case when a.attempt_id = p_told then 'SKIPPED'
        when (p_error.entry ->> 'ends_session')::boolean then 'INTERRUPTED' else 'FAILED' end,
      verdict_note = case when a.attempt_id = p_told then 'the record of its error stands for it' else a.verdict_note end,
      judged_at = coalesce(a.judged_at, pg_catalog.clock_timestamp())
    where a.attempt_id = v_attempt and (a.ended_at is null or v_late)
    returning a.attempt_id, a.payload ->> 'parent' into v_evident, v_attempt;
    exit when not found;
    v_late := false;
    perform script_tracking_internal.record_attempt(v_evident);
  end loop;
end
$function$;
