-- requires: links/shown_execution.sql
-- Link of executions to the execution that they are part of: DDL within DDL, an operation that was told its parent.
create or replace view script_tracking.script_execution_parent_l with (security_barrier = true) as
select pg_catalog.sha256(l.script_execution_hk operator(pg_catalog.||) l.parent_hk) as script_execution_parent_hk,
  l.script_execution_hk, l.parent_hk, l.execution_timestamp, l.execution_timestamp as load_date, h.record_source, h.tenant_hk
from script_tracking.script_execution_parent as l
join script_tracking_internal.shown_execution as h
  on h.script_execution_hk = l.script_execution_hk and h.execution_timestamp = l.execution_timestamp;
comment on view script_tracking.script_execution_parent_l is
  'Link: a row for each execution that has ended and named another one as its parent; the parent may have left no record';
