-- Tables, views and sequences of the project's two schemas: found by what depends on a schema, for which there is an index, as
-- the catalog has none by schema. So what asks it costs as much beside a hundred thousand tables of others' as beside none.
-- The schema is looked at too: an expression of another relation may name it, which then depends on it as well.
create or replace function script_tracking_internal.own_relations()
returns table (oid oid, schema_name name, relname name, relkind "char", relispartition boolean, relowner oid, relpersistence "char",
  relacl aclitem[], secured boolean)
language sql stable rows 120
set search_path = pg_catalog, pg_temp
as $function$
  select c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relowner, c.relpersistence, c.relacl,
    c.relrowsecurity and c.relforcerowsecurity
  from pg_namespace as n cross join lateral (
    select distinct d.objid from pg_depend as d
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid and d.classid = 'pg_class'::regclass) as d
  join pg_class as c on c.oid = d.objid
  where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relnamespace = n.oid
    and c.relkind in ('r', 'p', 'v', 'S')
$function$;
