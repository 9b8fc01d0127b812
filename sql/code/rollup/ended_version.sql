-- requires: upkeep/duration_bucket.sql, upkeep/error_class.sql
-- Every version that ends an execution as the roll-ups see it, also those that revise another.
create or replace view script_tracking_internal.ended_version as
select s.xid, s.incarnation, s.script_execution_hk, s.load_date, s.execution_timestamp, s.tenant_hk, s.script_name,
  s.script_type, s.execution_status as status, s.execution_status = 'FAILED' or s.execution_status = 'INTERRUPTED' as failed,
  coalesce(s.metadata ->> 'sqlstate', '') as sqlstate, s.error_message,
  script_tracking_internal.error_class(s.execution_status, s.metadata) as error_class,
  d.duration_us,
  coalesce((s.metadata ->> 'tracking_us')::bigint, 0) as tracking_us,
  s.metadata ? 'revises' as revises
from script_tracking.script_execution_s as s
cross join lateral (
  select coalesce((s.metadata ->> 'duration_us')::bigint, s.execution_duration_ms::bigint * 1000) as duration_us) as d
where s.execution_status <> 'RUNNING';
