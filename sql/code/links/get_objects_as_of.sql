-- requires: links/object_tail.sql, links/object_key.sql, links/shown_execution.sql
-- The objects that stood at a moment, as far as records of the caller's tenants tell: the last record until then of each
-- object, where that is not its drop. What was there before tracking began and has not been touched since is not in it;
-- nor is what a record tells of that was removed, nor what is a part of a table: indexes, constraints, triggers, sequences.
create or replace function script_tracking.get_objects_as_of(as_of timestamptz)
returns table (
  object_hk bytea, tenant text, object_type text, object_identity text, changed_at timestamptz, execution_hk bytea,
  command varchar, db_session_user varchar, statement text)
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
  ), known as (
    -- of what is known to have been dropped by then the records need not be read: where tables come and go that is most
    select h.class_id, h.object_id, h.incarnation
    from script_tracking.database_object_name_s as n
    join visible as v on v.tenant_hk = n.tenant_hk
    join script_tracking.database_object_h as h on h.object_hk = n.object_hk
    where n.load_date <= get_objects_as_of.as_of
    group by 1, 2, 3
    having (max(n.dropped_at) <= get_objects_as_of.as_of and max(n.dropped_at) >= max(n.last_seen_at)) is not true
  ), linked as materialized (  -- before a record is read: else the last link of its object is looked for once for each record of it
    select k.class_id, k.object_id, l.script_execution_hk, l.execution_timestamp, l.load_date
    from known as k
    cross join lateral (
      select l.script_execution_hk, l.execution_timestamp, l.load_date
      from script_tracking.script_execution_object as l
      join script_tracking_internal.shown_execution as e
        on e.script_execution_hk = l.script_execution_hk and e.execution_timestamp = l.execution_timestamp
      where l.object_id = k.object_id and l.class_id = k.class_id and l.incarnation = k.incarnation
        and l.load_date <= get_objects_as_of.as_of
      order by l.object_id, l.load_date desc, l.script_execution_hk desc limit 1) as l
  ), last as (
    select t.*
    from linked as l
    join script_tracking_internal.object_touch as t
      on t.script_execution_hk = l.script_execution_hk and t.load_date = l.load_date
        and t.execution_timestamp = l.execution_timestamp and t.class_id = l.class_id and t.object_id = l.object_id
    union all
    select t.* from script_tracking_internal.object_tail as t
    join script_tracking_internal.shown_execution as e
      on e.script_execution_hk = t.script_execution_hk and e.execution_timestamp = t.execution_timestamp
    where t.load_date <= get_objects_as_of.as_of
  ), standing as (
    select distinct on (l.class_id, l.object_id, l.incarnation) l.*, v.tenant_bk
    from last as l join visible as v on v.tenant_hk = l.tenant_hk
    order by l.class_id, l.object_id, l.incarnation, l.load_date desc, l.script_execution_hk desc
  )
  select sha256(convert_to(script_tracking_internal.object_key(s.class_id, s.object_id, s.incarnation), 'UTF8')),
    s.tenant_bk::text, s.object_type, s.identity, s.load_date, s.script_execution_hk, s.script_name, s.db_session_user,
    s.statement
  from standing as s
  -- the record of a drop does not tell what goes with a table as a part of it
  where not s.dropped and s.object_type not in ('index', 'sequence', 'trigger', 'policy', 'rule', 'constraint',
    'table constraint', 'domain constraint', 'composite type', 'statistics object', 'default acl', 'default privileges')
  order by s.identity, s.object_type
$function$;
comment on function script_tracking.get_objects_as_of(timestamptz) is
  'The objects that stood at a moment and the last record of each until then, as far as records that the caller may see tell';
