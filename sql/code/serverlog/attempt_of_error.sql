-- requires: vault/business_key.sql
-- The attempt that an error of the log ended: of the same process in the same session, begun before the error, not ended,
-- of the same client string; the newest, which is the innermost. NULL where there is none.
-- Else the one that had announced its end and was hit before its statement was over, by a cancel or by what is deferred to
-- the commit: of the same command in the same transaction, which left no record by itself; the last to end, which is the
-- outermost. An error of class 25 is that of a later statement, which was refused before it was announced.
-- A session's later error cannot be that of an attempt which an earlier one has ended.
create or replace function script_tracking_internal.attempt_of_error(p_error script_tracking_internal.log_error)
returns text
language sql stable
as $function$
  -- two queries, as each has an index of its own
  select coalesce((
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
  ), (
    select a.attempt_id
    from script_tracking_internal.attempt as a
    where a.pid = p_error.pid
      and a.ended_at is not null and a.log_evidence is null
      and a.started_at < p_error.logged_at + interval '2 milliseconds'
      and a.started_at >= p_error.session_start
      and a.tag = p_error.entry ->> 'tag' and a.end_xid::xid::text = p_error.entry ->> 'txid'
      and p_error.entry ->> 'sqlstate' not like '25%'
      and (not p_error.entry ? 'statement_start' or a.payload ->> 'sql' = p_error.entry ->> 'statement_start')
      and (a.judged_at is null or a.judged_at > p_error.logged_at)
      and (a.recorded_at is not null or not exists (
        select from script_tracking.script_execution_h as h
        where h.load_date = a.started_at and h.script_execution_hk = pg_catalog.sha256(pg_catalog.convert_to(
          script_tracking_internal.business_key(a.tag, a.started_at, a.attempt_id), 'UTF8'))))
    order by a.ended_at desc
    limit 1
  ))
$function$;
