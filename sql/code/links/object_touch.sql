-- requires: links/object_class.sql, links/object_identity.sql
-- Every object that a final version names, one row for each: what the links are derived from. Of what is named more than
-- once, as a table and as one of its columns, the whole speaks. A version that adds a SQLSTATE to another names nothing new.
create or replace view script_tracking_internal.object_touch as
select s.xid, s.incarnation, s.script_execution_hk, s.execution_timestamp, s.load_date, s.tenant_hk, s.record_source,
  s.script_name, s.script_type, s.execution_status, s.db_session_user,
  coalesce(s.metadata ->> 'statement', s.sql_command) as statement, s.metadata ->> 'evidence' as evidence,
  o.class_id, o.object_id, o.object_type, o.dropped, o.element,
  script_tracking_internal.object_identity(o.class_id, o.element ->> 'name', o.is_part, o.dropped) as identity
from script_tracking.script_execution_s as s
cross join lateral (
  select distinct on (e.class_id, e.object_id) e.class_id, e.object_id, e.is_part, e.element,
    case when e.is_part then pg_catalog.replace(e.type, ' column', '') else e.type end as object_type,
    not e.is_part and coalesce((e.element ->> 'dropped')::boolean, false) as dropped
  from (
    select j.value as element, j.place, t.type, t.type operator(pg_catalog.~~) '% column' as is_part,
      script_tracking_internal.object_class(t.type) as class_id, (j.value ->> 'oid')::oid as object_id
    from pg_catalog.jsonb_array_elements(s.metadata -> 'objects') with ordinality as j (value, place)
    cross join lateral (select pg_catalog.lower(j.value ->> 'type') as type) as t) as e
  where e.class_id is not null and e.object_id is not null and e.element ? 'name'
  order by e.class_id, e.object_id, e.is_part, e.place) as o
where s.execution_status <> 'RUNNING' and s.metadata ? 'objects' and not s.metadata ? 'revises';
