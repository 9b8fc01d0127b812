-- requires: links/object_touch.sql, links/shown_execution.sql
-- Satellite of an object's definitions: a version after each execution that touched it, as its record tells. Nothing of it
-- is stored: the link leads to the record, and the next one ends a version. For what the caller may see: what somebody
-- else's tenant did to the object neither shows nor ends a version.
create or replace view script_tracking.database_object_s with (security_barrier = true) as
select h.object_hk, t.load_date,
  pg_catalog.lead(t.load_date) over (
    partition by h.object_hk order by t.load_date, t.script_execution_hk) as load_end_date,
  pg_catalog.sha256(pg_catalog.convert_to(t.element::text, 'UTF8')) as hash_diff,
  t.object_type, t.element ->> 'schema' as schema_name, t.identity,
  case when t.dropped then 'dropped' else 'present' end as object_status,
  t.script_name as command, t.statement, t.element ->> 'partition' as partition_change, t.element -> 'acl' as privileges,
  t.script_execution_hk, t.execution_timestamp, t.record_source, t.tenant_hk
from script_tracking.database_object_h as h
join script_tracking.script_execution_object as l
  on l.object_id = h.object_id and l.class_id = h.class_id and l.incarnation = h.incarnation
join script_tracking_internal.object_touch as t
  on t.script_execution_hk = l.script_execution_hk and t.load_date = l.load_date
    and t.execution_timestamp = l.execution_timestamp and t.class_id = l.class_id and t.object_id = l.object_id
join script_tracking_internal.shown_execution as e
  on e.script_execution_hk = l.script_execution_hk and e.execution_timestamp = l.execution_timestamp;
comment on view script_tracking.database_object_s is
  'Satellite: what an object was defined as after each execution that touched it, up to the transaction horizon';
