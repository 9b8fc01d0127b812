-- Functions of the project's two schemas, found as own_relations() finds relations.
create or replace function script_tracking_internal.own_functions()
returns table (oid oid, schema_name name, proowner oid, proacl aclitem[])
language sql stable rows 400
set search_path = pg_catalog, pg_temp
as $function$
  select p.oid, n.nspname, p.proowner, p.proacl
  from pg_namespace as n cross join lateral (
    select distinct d.objid from pg_depend as d
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid and d.classid = 'pg_proc'::regclass) as d
  join pg_proc as p on p.oid = d.objid
  where n.nspname in ('script_tracking', 'script_tracking_internal') and p.pronamespace = n.oid
$function$;
