-- Whether this database reports changes of what the cluster's databases share; the setting reconcile.cluster_objects.
create or replace function script_tracking_internal.watches_cluster()
returns boolean
language sql stable
as $function$
  select s.value operator(pg_catalog.<>) 'off'
  from script_tracking_internal.setting as s where s.name operator(pg_catalog.=) 'reconcile.cluster_objects'
$function$;
