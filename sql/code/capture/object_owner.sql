-- Owner of an object that an event trigger reports; NULL for kinds that have none of their own.
create or replace function script_tracking_internal.object_owner(p_class oid, p_object oid)
returns name
language sql stable
as $function$
  select pg_catalog.pg_get_userbyid(case p_class
    when 'pg_catalog.pg_class'::regclass then (select c.relowner from pg_catalog.pg_class as c where c.oid = p_object)
    when 'pg_catalog.pg_proc'::regclass then (select p.proowner from pg_catalog.pg_proc as p where p.oid = p_object)
    when 'pg_catalog.pg_type'::regclass then (select t.typowner from pg_catalog.pg_type as t where t.oid = p_object)
    when 'pg_catalog.pg_namespace'::regclass then (select n.nspowner from pg_catalog.pg_namespace as n where n.oid = p_object)
  end)
$function$;
