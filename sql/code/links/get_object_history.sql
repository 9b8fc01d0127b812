-- requires: links/object_tail.sql, links/object_key.sql, links/plain_identity.sql, links/object_definition.sql, links/shown_execution.sql
-- Every record that touched an object, newest first, by any name that the object has or had: all names of one object lead
-- to the same oid. What was dropped and created anew under the name is another object, with another key. With as_of what
-- this function would have returned at that moment.
-- Belongs to the owner, as the links do: so it asks itself what the caller may see. What somebody else's tenant did to an
-- object does not show, and its names for it lead nowhere.
create or replace function script_tracking.get_object_history(identity text, as_of timestamptz default null)
returns table (
  execution_hk bytea, tenant text, object_hk bytea, object_type text, object_identity text, object_status text,
  script_name varchar, script_type varchar, execution_status varchar, execution_timestamp timestamptz,
  recorded_at timestamptz, db_session_user varchar, statement text, partition_change text, privileges jsonb,
  definition text[], evidence text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set client_min_messages = warning  -- the caller may have the server tell him plans
set jit = off
as $function$
  with visible as materialized (
    select t.tenant_hk, t.tenant_bk from script_tracking.tenant_h as t
    where t.tenant_hk = any ((select script_tracking_internal.visible_tenants())::bytea[])
  ), tail as materialized (
    select t.* from script_tracking_internal.object_tail as t
  ), named as materialized (
    select h.class_id, h.object_id, h.incarnation
    from script_tracking.database_object_name_s as n
    join visible as v on v.tenant_hk = n.tenant_hk
    join script_tracking.database_object_h as h on h.object_hk = n.object_hk
    where n.identity = script_tracking_internal.plain_identity(get_object_history.identity)
      and (get_object_history.as_of is null or n.load_date <= get_object_history.as_of)
    union
    select t.class_id, t.object_id, t.incarnation
    from tail as t join visible as v on v.tenant_hk = t.tenant_hk
    where t.identity = script_tracking_internal.plain_identity(get_object_history.identity)
      and (get_object_history.as_of is null or t.load_date <= get_object_history.as_of)
    union
    -- by its name of today, which another object's DDL may have given it: that of its schema, say
    select c.class_id, c.object_id, i.incarnation
    from script_tracking_internal.catalog_state as c, script_tracking_internal.installation as i
    where get_object_history.as_of is null and c.sub_id = 0
      and script_tracking_internal.plain_identity(c.identity) = script_tracking_internal.plain_identity(get_object_history.identity)
  ), asked as materialized (
    select n.class_id, n.object_id, n.incarnation from named as n
    union
    -- to alter a composite type touches its relation, which has an oid of its own and the type's name
    select h.class_id, h.object_id, h.incarnation
    from named as n
    join script_tracking.database_object_name_s as m on m.object_hk
      = sha256(convert_to(script_tracking_internal.object_key(n.class_id, n.object_id, n.incarnation), 'UTF8'))
    join script_tracking.database_object_name_s as r on r.identity = m.identity and r.object_type = 'composite type'
    join script_tracking.database_object_h as h on h.object_hk = r.object_hk and h.incarnation = n.incarnation
    where n.class_id = 1247
  ), known as materialized (
    -- of an object that only others' records name not even the links are read: else the time would tell how many there are
    select a.class_id, a.object_id, a.incarnation
    from asked as a
    cross join lateral (
      select 1
      from script_tracking.database_object_name_s as n
      where n.object_hk = sha256(convert_to(script_tracking_internal.object_key(a.class_id, a.object_id, a.incarnation), 'UTF8'))
        and n.tenant_hk = any (array(select v.tenant_hk from visible as v))
      union all
      select 1
      from tail as t join visible as v on v.tenant_hk = t.tenant_hk
      where t.object_id = a.object_id and t.class_id = a.class_id and t.incarnation = a.incarnation
      limit 1) as k
  ), touch as materialized (
    select t.*
    from known as o
    join script_tracking.script_execution_object as l
      on l.object_id = o.object_id and l.class_id = o.class_id and l.incarnation = o.incarnation
    join script_tracking_internal.object_touch as t
      on t.script_execution_hk = l.script_execution_hk and t.load_date = l.load_date
        and t.execution_timestamp = l.execution_timestamp and t.class_id = l.class_id and t.object_id = l.object_id
    union all
    select t.*
    from known as o
    join tail as t on t.object_id = o.object_id and t.class_id = o.class_id and t.incarnation = o.incarnation
  ), life as (  -- over all tenants and times: whoever changed the object next ended its definition
    select t.*, lead(t.xid) over (
      partition by t.class_id, t.object_id, t.incarnation order by t.load_date, t.script_execution_hk) is null as is_last
    from touch as t
  )
  select l.script_execution_hk, v.tenant_bk::text,
    sha256(convert_to(script_tracking_internal.object_key(l.class_id, l.object_id, l.incarnation), 'UTF8')),
    l.object_type, l.identity, case when l.dropped then 'dropped' else 'present' end, l.script_name, l.script_type,
    l.execution_status, l.execution_timestamp, l.load_date, l.db_session_user, l.statement,
    l.element ->> 'partition', l.element -> 'acl',
    case when l.is_last and not l.dropped
      then script_tracking_internal.object_definition(l.class_id, l.object_id, l.incarnation, l.xid) end,
    l.evidence
  from life as l join visible as v on v.tenant_hk = l.tenant_hk
  join script_tracking_internal.shown_execution as e
    on e.script_execution_hk = l.script_execution_hk and e.execution_timestamp = l.execution_timestamp
  where get_object_history.as_of is null or l.load_date <= get_object_history.as_of
  order by l.load_date desc, l.script_execution_hk
$function$;
comment on function script_tracking.get_object_history(text, timestamptz) is
  'Every record that touched the object of this identity (schema.table, schema.function(argument types)), under any name that it had, newest first; as_of: as it was known at that moment';
