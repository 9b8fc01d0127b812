-- requires: reconcile/catalog_units.sql, reconcile/guard_units.sql, reconcile/cluster_units.sql, reconcile/watches_cluster.sql
-- Everything that is watched: this database's objects, what guards the record itself, and the cluster's where this database reports on those.
create or replace function script_tracking_internal.watched_units()
returns table (class_id oid, object_id oid, sub_id oid, object_type text, identity text, schema_id oid, cluster_wide boolean,
  roots oid[], facts text[])
language sql stable
as $function$
  select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, false, u.roots, u.facts
  from script_tracking_internal.catalog_units() as u
  union all
  select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, false, u.roots, u.facts
  from script_tracking_internal.guard_units() as u
  union all
  select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, true, u.roots, u.facts
  from script_tracking_internal.cluster_units() as u
  where script_tracking_internal.watches_cluster()
$function$;
