-- requires: monitoring/lock_waits.sql, vault/redact.sql
-- DDL, LOCK TABLE and maintenance of this database that wait for a lock on a relation, longest first. For auditors.
create or replace function script_tracking.get_waiting_ddl()
returns table (pid integer, session_user_name name, application_name text, waiting_seconds double precision, lock_mode text,
  relation text, blocked_by integer[], queued_sessions bigint, statement text)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set quote_all_identifiers = off
as $function$
  select w.pid, w.session_user_name, script_tracking_internal.redact_text(w.application_name),
    greatest(extract(epoch from clock_timestamp() - w.waiting_since), 0)::double precision, w.lock_mode,
    w.relation::regclass::text, w.blocked_by, w.queued_sessions,
    left(script_tracking_internal.redact(w.statement), 1000)
  from script_tracking_internal.lock_waits() as w
  order by w.waiting_since
$function$;
comment on function script_tracking.get_waiting_ddl() is
  'DDL, LOCK TABLE and maintenance that wait for a lock on a relation: for how many seconds, behind which sessions, and how many sessions wait behind each; the statement without secrets, at most 1000 characters';
