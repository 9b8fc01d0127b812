-- Business key of an object: catalog, oid, and the incarnation of the cluster in which that oid stands for it.
-- One expression, each argument used once: so it is inlined where it is called.
create or replace function script_tracking_internal.object_key(p_class_id oid, p_object_id oid, p_incarnation integer)
returns varchar
language sql immutable parallel safe
as $function$
  select pg_catalog.concat(p_class_id, '/', p_object_id, '/', p_incarnation)::varchar
$function$;
