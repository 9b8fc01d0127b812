-- requires: capture/refuse_foreign_ddl.sql
-- How many members an extension has by now, after CREATE or ALTER EXTENSION; refused where it stands in one of
-- the tracker's schemas, or has a table or function of the tracker's for a member: dumps would leave that out.
create or replace function script_tracking_internal.extension_members(p_tag text, p_extension oid)
returns bigint
language plpgsql volatile
as $function$
begin
  perform script_tracking_internal.refuse_foreign_ddl(p_tag, jsonb_agg(
    jsonb_build_object('type', 'extension', 'schema', n.nspname, 'name', e.extname)))
  from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
  where e.oid = p_extension and n.nspname in ('script_tracking', 'script_tracking_internal');
  perform script_tracking_internal.refuse_foreign_ddl(p_tag, jsonb_agg(
    jsonb_build_object('type', 'table', 'schema', n.nspname, 'name', coalesce(c.oid::regclass::text, p.oid::regprocedure::text))))
  from pg_catalog.pg_depend as d
  left join pg_catalog.pg_class as c on d.classid = 'pg_catalog.pg_class'::regclass and c.oid = d.objid
  left join pg_catalog.pg_proc as p on d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid
  join pg_catalog.pg_namespace as n on n.oid = coalesce(c.relnamespace, p.pronamespace)
  where d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'e' and d.refobjid = p_extension
    and n.nspname in ('script_tracking', 'script_tracking_internal');
  return (
    select count(*) from pg_catalog.pg_depend as d
    where d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'e' and d.refobjid = p_extension);
end
$function$;
