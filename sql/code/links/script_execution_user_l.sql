-- requires: links/shown_execution.sql
-- Link of executions to who logged in for them: nothing of it is stored, as the satellite names the user.
create or replace view script_tracking.script_execution_user_l with (security_barrier = true) as
select pg_catalog.sha256(s.script_execution_hk
    operator(pg_catalog.||) pg_catalog.sha256(pg_catalog.convert_to(s.db_session_user, 'UTF8'))) as script_execution_user_hk,
  s.script_execution_hk, pg_catalog.sha256(pg_catalog.convert_to(s.db_session_user, 'UTF8')) as user_hk,
  s.execution_timestamp, s.load_date, s.record_source, s.tenant_hk
from script_tracking.script_execution_s as s
join script_tracking_internal.shown_execution as h
  on h.script_execution_hk = s.script_execution_hk and h.execution_timestamp = s.execution_timestamp
where s.load_end_date is null;
comment on view script_tracking.script_execution_user_l is
  'Link: the user of each execution, as its current version names it';
