-- requires: reconcile/pending_reach.sql, reconcile/accept_pending.sql, reconcile/changed_facts.sql, reconcile/changed_kinds.sql, reconcile/record_fits.sql, links/object_class.sql
-- Second step of a pass: what the event triggers recorded, or left out by a noise rule, since each difference's base
-- accounts for it. Returns how many.
-- DDL of an object accounts for what it reaches: a table's for its indexes, constraints, triggers and sequences, and for those
-- of the tables that inherit from it; and there for the kinds of facts that such a statement changes. What two records
-- account for only together is accounted for. Other objects are created only by DDL that names them, or their extension;
-- nothing is dropped by DDL that names it but does not drop it, and everything with its schema.
-- COMMENT and the like change no definition and account for nothing; GRANT and REVOKE may not name the object, but its kind.
-- A record that lists a thousand objects does not list all: it accounts for what its command does to objects of the kinds
-- that it lists, wherever they are; of CREATE SCHEMA in that schema. One that dropped something accounts for every drop.
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
    select s.xid, s.script_name as tag, coalesce(s.metadata -> 'objects', '[]') as objects,
      case when t.text not like '%[withheld:%' and length(t.text) < 16384 and not s.metadata ? 'sql_command_characters' then t.text end as text
    from script_tracking.script_execution_s as s
    -- of a statement within another's the client's string may tell nothing
    cross join lateral (
      select case when s.metadata ? 'nested' then s.metadata ->> 'statement' else s.sql_command end as text) as t
    where s.script_type = 'DDL' and s.execution_status <> 'RUNNING' and s.execution_status in ('COMPLETED', 'NOOP')
      and s.record_source like '%/event_trigger/v1'
      and s.incarnation = (select i.incarnation from script_tracking_internal.installation as i)
      and s.xid >= (
        select pg_snapshot_xmin(p.base) from script_tracking_internal.catalog_pending as p order by 1 limit 1)
      and s.script_name not in ('COMMENT', 'SECURITY LABEL', 'CREATE STATISTICS', 'ALTER STATISTICS', 'DROP STATISTICS')
    union all
    select n.xid, n.tag, n.objects, null
    from script_tracking_internal.noise_ddl as n
    where n.incarnation = (select i.incarnation from script_tracking_internal.installation as i)
      and n.tag not in ('COMMENT', 'SECURITY LABEL', 'CREATE STATISTICS', 'ALTER STATISTICS', 'DROP STATISTICS')
  ), recorded as materialized (
    select e.xid, e.tag, e.text, (o.value ->> 'oid')::oid as id, coalesce((o.value ->> 'dropped')::boolean, false) as dropped,
      coalesce(lower(o.value ->> 'type'), '') as type
    from executed as e cross join lateral jsonb_array_elements(e.objects) as o
  ), long as materialized (
    select e.xid, e.tag, e.text, o.type, o.dropped, array_agg(o.id) filter (where o.type = 'schema') as schemas
    from executed as e
    cross join lateral (
      select coalesce(lower(j.value ->> 'type'), '') as type, coalesce((j.value ->> 'dropped')::boolean, false) as dropped,
        (j.value ->> 'oid')::oid as id
      from jsonb_array_elements(e.objects) as j) as o
    where jsonb_array_length(e.objects) >= 1000
    group by 1, 2, 3, 4, 5
  ), pending as materialized (
    select p.*, k.kind,
      -- what DROP ... CASCADE takes of objects that it leaves: columns, defaults and indexes, which it does not name
      p.change = 'DROP' and p.object_type = 'index'
        or p.change = 'ALTER' and p.class_id = 1259 and k.kind in ('column', 'grant column') and not exists (
          select from unnest(script_tracking_internal.changed_facts(p.after, p.before)) as f (fact)
          where f.fact ~ '^(grant )?column ' and f.fact <> all (array(
            select regexp_replace(b.fact, ' default [0-9a-f]{32}', '') from unnest(p.before) as b (fact)))) as by_cascade
    from script_tracking_internal.catalog_pending as p
    cross join lateral unnest(case p.change when 'ALTER'
      then script_tracking_internal.changed_kinds(p.before, p.after) else array['whole'] end) as k (kind)
    where not p.cluster_wide and p.object_type <> 'event trigger'
  ), fitting as (
    select p.class_id, p.object_id, p.sub_id, p.kind
    from pending as p
    join script_tracking_internal.pending_reach() as q
      on q.class_id = p.class_id and q.object_id = p.object_id and q.sub_id = p.sub_id
    join recorded as r on r.id = q.root
    where not pg_visible_in_snapshot(r.xid, p.base)
      and script_tracking_internal.record_fits(
        r.tag, r.text, r.type, r.id = p.object_id, r.dropped, p.object_type, p.change, p.kind)
    union
    select p.class_id, p.object_id, p.sub_id, p.kind
    from pending as p join recorded as r on r.id = p.schema_id and r.dropped
    where p.change = 'DROP' and not pg_visible_in_snapshot(r.xid, p.base)
    union
    select p.class_id, p.object_id, p.sub_id, p.kind
    from pending as p join recorded as r on r.id is null and r.tag in ('GRANT', 'REVOKE')
      and p.class_id = case
        when r.type in ('table', 'sequence', 'view', 'materialized view', 'foreign table', 'column') then 1259
        when r.type in ('function', 'procedure', 'routine', 'aggregate') then 1255
        when r.type in ('type', 'domain') then 1247 when r.type = 'schema' then 2615 when r.type = 'foreign server' then 1417
        when r.type = 'foreign data wrapper' then 2328 end
    where p.kind like 'grant%' and not pg_visible_in_snapshot(r.xid, p.base)
    union
    select p.class_id, p.object_id, p.sub_id, p.kind
    from pending as p join executed as e on e.tag = 'ALTER DEFAULT PRIVILEGES' and p.class_id = 826
      or e.tag = 'DROP OWNED' and (p.kind like 'grant%' or p.object_type in ('policy', 'default privileges'))
    where not pg_visible_in_snapshot(e.xid, p.base)
    union
    select p.class_id, p.object_id, p.sub_id, p.kind
    from pending as p join executed as e on p.by_cascade and e.tag like 'DROP %' and e.objects @> '[{"dropped": true}]'
      and e.tag not in ('DROP INDEX', 'DROP TRIGGER', 'DROP RULE', 'DROP POLICY', 'DROP PUBLICATION', 'DROP SUBSCRIPTION', 'DROP USER MAPPING')
      and coalesce(e.text ~* 'cascade', true)
    where not pg_visible_in_snapshot(e.xid, p.base)
    union
    select p.class_id, p.object_id, p.sub_id, p.kind
    from pending as p join long as l on case
      when l.dropped or p.change = 'DROP' then l.dropped and p.change = 'DROP'
      when l.tag in ('GRANT', 'REVOKE') then p.kind like 'grant%'
        and p.class_id = script_tracking_internal.object_class(l.type) and (p.object_type = 'sequence') = (l.type = 'sequence')
      when p.change = 'CREATE' then l.tag = 'CREATE SCHEMA' and p.schema_id = any (l.schemas)
        or l.tag = 'IMPORT FOREIGN SCHEMA' and p.object_type = 'foreign table'
      else p.object_type = l.type and script_tracking_internal.record_fits(
        l.tag, l.text, l.type, true, false, p.object_type, p.change, p.kind) end
    where not pg_visible_in_snapshot(l.xid, p.base)
  ), accounted as (  -- in all that changed
    select p.class_id, p.object_id, p.sub_id
    from pending as p left join fitting as f
      on f.class_id = p.class_id and f.object_id = p.object_id and f.sub_id = p.sub_id and f.kind = p.kind
    group by 1, 2, 3 having bool_and(f.kind is not null)
  )
  select array_agg(concat_ws('.', a.class_id, a.object_id, a.sub_id)) into v_keys from accounted as a;
  perform script_tracking_internal.accept_pending(v_keys);
  return coalesce(cardinality(v_keys), 0);
end
$function$;
