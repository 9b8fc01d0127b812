-- requires: reconcile/pending_reach.sql, reconcile/accept_pending.sql, reconcile/changed_facts.sql
-- Second step of a pass: what the event triggers recorded, or left out by a noise rule, since each difference's base
-- accounts for it. Returns how many.
-- DDL of an object accounts for what it reaches: a table's for its indexes, constraints, triggers and sequences, and for those
-- of the tables that inherit from it. Other objects are created only by DDL that names them, or their extension; nothing
-- is dropped by DDL that names it but does not drop it, and everything with its schema. COMMENT and the like change no definition and account for nothing.
-- GRANT and REVOKE account for rights alone; they may not name the object, but its kind.
-- A record that lists a thousand objects does not list all: it accounts for every drop, or else for everything but drops.
create or replace function script_tracking_internal.account_changes()
returns bigint
language plpgsql volatile
as $function$
declare
  v_keys text[];
begin
  -- what the oldest base has seen accounts for nothing any more
  delete from script_tracking_internal.noise_ddl as n
  where n.incarnation <> (select i.incarnation from script_tracking_internal.installation as i)
    or pg_visible_in_snapshot(n.xid, coalesce(
      (select p.base from script_tracking_internal.catalog_pending as p order by pg_snapshot_xmin(p.base) limit 1),
      (select r.snapshot from script_tracking_internal.reconcile_state as r)));
  if not exists (select from script_tracking_internal.catalog_pending) then
    return 0;
  end if;
  with executed as materialized (
    select s.xid, s.script_name as tag, s.execution_status as status, coalesce(s.metadata -> 'objects', '[]') as objects
    from script_tracking.script_execution_s as s
    where s.script_type = 'DDL' and s.execution_status <> 'RUNNING' and s.execution_status in ('COMPLETED', 'NOOP')
      and s.record_source like '%/event_trigger/v1'
      and s.incarnation = (select i.incarnation from script_tracking_internal.installation as i)
      and s.xid >= (
        select pg_snapshot_xmin(p.base) from script_tracking_internal.catalog_pending as p order by 1 limit 1)
      and s.script_name not in ('COMMENT', 'SECURITY LABEL', 'CREATE STATISTICS', 'ALTER STATISTICS', 'DROP STATISTICS')
    union all
    select n.xid, n.tag, 'COMPLETED', n.objects
    from script_tracking_internal.noise_ddl as n
    where n.incarnation = (select i.incarnation from script_tracking_internal.installation as i)
      and n.tag not in ('COMMENT', 'SECURITY LABEL', 'CREATE STATISTICS', 'ALTER STATISTICS', 'DROP STATISTICS')
  ), recorded as materialized (
    select e.xid, (o.value ->> 'oid')::oid as id, coalesce((o.value ->> 'dropped')::boolean, false) as dropped,
      lower(o.value ->> 'type') as type, e.tag in ('GRANT', 'REVOKE') as of_rights
    from executed as e cross join lateral jsonb_array_elements(e.objects) as o
  ), long as materialized (
    select e.xid, e.objects @> '[{"dropped": true}]' as drops from executed as e where jsonb_array_length(e.objects) >= 1000
  ), pending as materialized (
    select p.*, p.change = 'ALTER' and not exists (
        select from unnest(script_tracking_internal.changed_facts(p.before, p.after)
          || script_tracking_internal.changed_facts(p.after, p.before)) as f (fact) where f.fact not like 'grant%') as rights_alone,
      -- what DROP ... CASCADE takes of objects that it leaves: columns, defaults and indexes, which it does not name
      p.change = 'DROP' and p.object_type = 'index'
        or p.change = 'ALTER' and p.class_id = 1259 and not exists (
          select from unnest(script_tracking_internal.changed_facts(p.before, p.after)) as f (fact) where f.fact not like 'column %')
        and not exists (
          select from unnest(script_tracking_internal.changed_facts(p.after, p.before)) as f (fact)
          where f.fact <> all (array(
            select regexp_replace(b.fact, ' default [0-9a-f]{32}', '') from unnest(p.before) as b (fact)))) as by_cascade
    from script_tracking_internal.catalog_pending as p
    where not p.cluster_wide and p.object_type <> 'event trigger'
  ), accounted as (
    select p.class_id, p.object_id, p.sub_id
    from pending as p
    join script_tracking_internal.pending_reach() as q
      on q.class_id = p.class_id and q.object_id = p.object_id and q.sub_id = p.sub_id
    join recorded as r on r.id = q.root
    where not pg_visible_in_snapshot(r.xid, p.base)
      and (p.rights_alone or not r.of_rights)
      and case p.change
        when 'CREATE' then not r.dropped and (r.id = p.object_id or r.type = 'extension'
          or p.object_type in ('index', 'constraint', 'trigger', 'sequence', 'function', 'composite type'))
        when 'DROP' then r.dropped or r.id <> p.object_id and (r.type = 'extension'
          or p.object_type in ('index', 'constraint', 'trigger', 'sequence', 'rule', 'policy'))
        else true end
    union
    select p.class_id, p.object_id, p.sub_id
    from pending as p join recorded as r on r.id = p.schema_id and r.dropped
    where p.change = 'DROP' and not pg_visible_in_snapshot(r.xid, p.base)
    union
    select p.class_id, p.object_id, p.sub_id
    from pending as p join recorded as r on r.id is null and r.of_rights
      and p.class_id = case
        when r.type in ('table', 'sequence', 'view', 'materialized view', 'foreign table', 'column') then 1259
        when r.type in ('function', 'procedure', 'routine', 'aggregate') then 1255
        when r.type in ('type', 'domain') then 1247 when r.type = 'schema' then 2615 when r.type = 'foreign server' then 1417 end
    where p.rights_alone and not pg_visible_in_snapshot(r.xid, p.base)
    union
    select p.class_id, p.object_id, p.sub_id
    from pending as p join executed as e on e.tag = 'ALTER DEFAULT PRIVILEGES' and p.class_id = 826
      or e.tag = 'DROP OWNED' and (p.rights_alone or p.object_type in ('policy', 'default privileges'))
    where not pg_visible_in_snapshot(e.xid, p.base)
    union
    select p.class_id, p.object_id, p.sub_id
    from pending as p join executed as e on p.by_cascade and e.tag like 'DROP %' and e.objects @> '[{"dropped": true}]'
    where not pg_visible_in_snapshot(e.xid, p.base)
    union
    select p.class_id, p.object_id, p.sub_id
    from pending as p join long as l on l.drops = (p.change = 'DROP')
    where not pg_visible_in_snapshot(l.xid, p.base)
  )
  select array_agg(concat_ws('.', a.class_id, a.object_id, a.sub_id)) into v_keys from accounted as a;
  perform script_tracking_internal.accept_pending(v_keys);
  return coalesce(cardinality(v_keys), 0);
end
$function$;
