-- The attempt that an error of the log ended: of the same process in the same session, begun before the error, not ended,
-- of the same client string; the newest, which is the innermost. NULL where there is none.
-- A session's later error cannot be that of an attempt which an earlier one has ended.
create or replace function script_tracking_internal.attempt_of_error(p_error script_tracking_internal.log_error)
returns text
language sql stable
as $function$
  select a.attempt_id
  from script_tracking_internal.attempt as a
  where a.pid = p_error.pid
    and a.ended_at is null and a.log_evidence is null
    -- the log has milliseconds, the start of a session seconds; of a crash it has the postmaster's start
    and a.started_at < p_error.logged_at + interval '2 milliseconds'
    and (p_error.entry ? 'crash' or a.started_at >= p_error.session_start)
    and (p_error.entry ? 'crash' or not p_error.entry ? 'statement_start'
      or a.payload ->> 'sql' = p_error.entry ->> 'statement_start')
    -- judged failed long before: its error was caught, and this is another one
    and (a.judged_at is null or a.judged_at > p_error.logged_at)
  order by a.started_at desc, (a.payload ->> 'ordinal')::bigint desc
  limit 1
$function$;
