-- requires: upkeep/duration_bucket.sql, upkeep/error_class.sql
-- Every final version as the totals see it. RUNNING is not counted; an execution is counted once, by its first final
-- version: one that adds a SQLSTATE later says what it revises.
create or replace view script_tracking_internal.final_version as
select s.xid, s.load_date, s.execution_timestamp, s.tenant_hk, s.script_type, s.execution_status as status,
  script_tracking_internal.error_class(s.execution_status, s.metadata) as error_class,
  script_tracking_internal.duration_bucket(d.duration_us) as bucket,
  coalesce(d.duration_us, 0) as duration_us,
  coalesce((s.metadata ->> 'tracking_us')::bigint, 0) as tracking_us,
  s.incarnation
from script_tracking.script_execution_s as s
cross join lateral (
  select coalesce((s.metadata ->> 'duration_us')::bigint, s.execution_duration_ms::bigint * 1000) as duration_us) as d
where s.execution_status <> 'RUNNING' and not s.metadata ? 'revises';
