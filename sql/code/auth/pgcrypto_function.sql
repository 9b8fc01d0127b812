-- Where a function of pgcrypto stands, by the symbol of its library: "schema"."name", or NULL where there is none. It runs
-- as the owner, so by no less than that it is a C function of that library, which superusers alone can make: whoever
-- created the extension may put a function of his own into it.
create or replace function script_tracking_internal.pgcrypto_function(p_symbol text)
returns text
language sql stable
as $function$
  select pg_catalog.format('%I.%I', n.nspname, p.proname)
  from pg_catalog.pg_extension as e
  join pg_catalog.pg_depend as d on d.refclassid = 'pg_catalog.pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
  join pg_catalog.pg_proc as p on d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid
  join pg_catalog.pg_language as l on l.oid = p.prolang
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where e.extname = 'pgcrypto' and l.lanname = 'c' and p.probin in ('$libdir/pgcrypto', 'pgcrypto') and p.prosrc = p_symbol
    and pg_catalog.has_schema_privilege('script_tracking_owner', n.oid, 'usage')
    and pg_catalog.has_function_privilege('script_tracking_owner', p.oid, 'execute')
  limit 1
$function$;
