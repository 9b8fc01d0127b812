-- requires: reconcile/cluster_units.sql, reconcile/watches_cluster.sql
-- Follows the setting reconcile.cluster_objects: switched off, what is known of the cluster's objects is forgotten; switched
-- on, it begins with them as they are.
create or replace function script_tracking_internal.settle_cluster()
returns void
language plpgsql volatile
as $function$
begin
  if not coalesce(script_tracking_internal.watches_cluster(), false) then
    delete from script_tracking_internal.catalog_pending where cluster_wide;
    delete from script_tracking_internal.catalog_state where cluster_wide;
  elsif not exists (select from script_tracking_internal.catalog_state where cluster_wide) then
    insert into script_tracking_internal.catalog_state
      (class_id, object_id, sub_id, object_type, identity, schema_id, cluster_wide, roots, facts)
    select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, true, u.roots, u.facts
    from script_tracking_internal.cluster_units() as u;
  end if;
end
$function$;
