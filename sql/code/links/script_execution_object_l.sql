-- requires: links/shown_execution.sql
-- Link of executions to the objects that they touched, with the hashes that Data Vault wants and that are not stored; for
-- what the caller may see. Up to the transaction horizon: get_object_history() adds what has come since.
create or replace view script_tracking.script_execution_object_l with (security_barrier = true) as
select pg_catalog.sha256(l.script_execution_hk operator(pg_catalog.||) o.object_hk) as script_execution_object_hk,
  l.script_execution_hk, o.object_hk, l.execution_timestamp, l.load_date, h.record_source, h.tenant_hk
from script_tracking.script_execution_object as l
join script_tracking_internal.shown_execution as h
  on h.script_execution_hk = l.script_execution_hk and h.execution_timestamp = l.execution_timestamp
cross join lateral (
  -- as object_key() has it, which the reader for whom this runs could not call
  select pg_catalog.sha256(pg_catalog.convert_to(
    pg_catalog.concat(l.class_id, '/', l.object_id, '/', l.incarnation), 'UTF8')) as object_hk) as o;
comment on view script_tracking.script_execution_object_l is
  'Link: a row for each object that an execution touched; load_date is when the record of it was written';
