-- requires: rollup/ended_version.sql, upkeep/duration_bucket.sql
-- Every final version as the totals see it. RUNNING is not counted; an execution is counted once, by its first final
-- version: one that adds a SQLSTATE later says what it revises.
create or replace view script_tracking_internal.final_version as
select v.xid, v.load_date, v.execution_timestamp, v.tenant_hk, v.script_type, v.status, v.error_class,
  d.bucket, coalesce(v.duration_us, 0) as duration_us,
  v.tracking_us, v.incarnation
from script_tracking_internal.ended_version as v
cross join lateral (select script_tracking_internal.duration_bucket(v.duration_us) as bucket) as d
where not v.revises;
