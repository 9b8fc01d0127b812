-- requires: links/shown_execution.sql
-- Point in time: which version of an execution was valid when. At a moment: where valid_from <= moment and valid_to > moment.
create or replace view script_tracking.script_execution_pit with (security_barrier = true) as
select s.script_execution_hk, s.load_date as valid_from, coalesce(s.load_end_date, pg_catalog.make_timestamptz(9999, 12, 31, 0, 0, 0, 'UTC')) as valid_to,
  s.load_date as satellite_load_date, s.version_number, s.execution_timestamp, s.execution_status,
  pg_catalog.sha256(pg_catalog.convert_to(s.db_session_user, 'UTF8')) as user_hk, s.tenant_hk
from script_tracking.script_execution_s as s
join script_tracking_internal.shown_execution as h
  on h.script_execution_hk = s.script_execution_hk and h.execution_timestamp = s.execution_timestamp;
comment on view script_tracking.script_execution_pit is
  'Point in time: the version of each execution valid from valid_from until valid_to';
