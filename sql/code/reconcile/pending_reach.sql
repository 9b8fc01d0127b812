-- Every object whose DDL may account for each pending difference: itself, its table, the tables that this one inherits
-- from, what a constraint references, the extension that it is a member of, before and after; of a constraint also its
-- index, whose name changes with it.
create or replace function script_tracking_internal.pending_reach()
returns table (class_id oid, object_id oid, sub_id oid, root oid)
language sql stable
as $function$
  with recursive edge as materialized (
    select s.object_id, r.root
    from script_tracking_internal.catalog_state as s cross join pg_catalog.unnest(s.roots) as r (root)
    where s.class_id in (1259, 2620)
    union
    select p.object_id, r.root
    from script_tracking_internal.catalog_pending as p cross join pg_catalog.unnest(p.roots) as r (root)
    where p.class_id in (1259, 2620)
  ), reach (class_id, object_id, sub_id, root) as (
    select p.class_id, p.object_id, p.sub_id, r.root
    from script_tracking_internal.catalog_pending as p cross join pg_catalog.unnest(p.object_id || p.roots) as r (root)
    union
    select c.class_id, c.object_id, c.sub_id, i.object_id
    from script_tracking_internal.catalog_pending as i cross join pg_catalog.unnest(i.roots) as r (root)
    join script_tracking_internal.catalog_pending as c on c.class_id = 2606 and c.object_id = r.root
    where i.object_type = 'index'
    union
    select q.class_id, q.object_id, q.sub_id, e.root
    from reach as q join edge as e on e.object_id = q.root
  )
  select q.class_id, q.object_id, q.sub_id, q.root from reach as q
$function$;
