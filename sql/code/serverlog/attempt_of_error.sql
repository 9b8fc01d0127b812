-- requires: vault/business_key.sql
-- The attempt that an error of the log ended: of the same process in the same session, begun before the error, of the same
-- client string, not ended. It is the newest, or, where that has ended or failed of an error that was caught, the next
-- around it: what began before the newest and is not around it was over when that began. NULL where there is none.
-- Else the one that had announced its end and was hit before its statement was over, by a cancel or by what is deferred to
-- the commit: of the same command in the same transaction, which left no record by itself; the last to end, which is the
-- outermost. An error of class 25 is that of a later statement, which was refused before it was announced.
-- A session's later error cannot be that of an attempt which an earlier one has ended.
create or replace function script_tracking_internal.attempt_of_error(p_error script_tracking_internal.log_error)
returns text
language sql stable
as $function$
  with recursive of_session as not materialized (
    select a.*, (a.payload ->> 'ordinal')::bigint as ordinal
    from script_tracking_internal.attempt as a
    where a.pid = p_error.pid
      -- the log has milliseconds, the start of a session seconds; of a crash it has the postmaster's start
      and a.started_at < p_error.logged_at + interval '2 milliseconds'
      and (p_error.entry ? 'crash' or a.started_at >= p_error.session_start)
      and (p_error.entry ? 'crash' or not p_error.entry ? 'statement_start'
        or a.payload ->> 'sql' = p_error.entry ->> 'statement_start')
  ),
  newest_and_around as (
    (select s.attempt_id, s.payload, s.ended_at, s.log_evidence, s.judged_at, 0 as steps
     from of_session as s order by s.started_at desc, s.ordinal desc limit 1)
    union all
    select a.attempt_id, a.payload, a.ended_at, a.log_evidence, a.judged_at, n.steps + 1
    from newest_and_around as n
    join script_tracking_internal.attempt as a on a.attempt_id = n.payload ->> 'parent'
  )
  select coalesce((
    select n.attempt_id
    from newest_and_around as n
    where n.ended_at is null and n.log_evidence is null
      -- judged failed long before: its error was caught, and this is another one
      and (n.judged_at is null or n.judged_at > p_error.logged_at)
    order by n.steps
    limit 1
  ), (
    select s.attempt_id
    from of_session as s
    where s.ended_at is not null and s.log_evidence is null and not p_error.entry ? 'crash'
      and s.tag = p_error.entry ->> 'tag' and s.end_xid::xid::text = p_error.entry ->> 'txid'
      and p_error.entry ->> 'sqlstate' not like '25%'
      and (s.judged_at is null or s.judged_at > p_error.logged_at)
      and (s.recorded_at is not null or not exists (
        select from script_tracking.script_execution_h as h
        where h.load_date = s.started_at and h.script_execution_hk = pg_catalog.sha256(pg_catalog.convert_to(
          script_tracking_internal.business_key(s.tag, s.started_at, s.attempt_id), 'UTF8'))))
    order by s.ended_at desc
    limit 1
  ))
$function$;
