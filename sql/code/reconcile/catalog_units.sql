-- requires: reconcile/relation_units.sql, reconcile/replication_units.sql
-- Everything in this database whose definition is watched, as the catalogs have it now: relations and what belongs to them,
-- functions, types, schemas, extensions, default privileges, what replicates or is foreign, event triggers. Objects that
-- initdb made are not, but for schemas and extensions; nor temporary ones, nor the tracker's own (guard_units.sql).
-- roots: the objects whose DDL accounts for a change of this one. Event triggers fire no event, so each one's xmin tells
-- whether it was altered, even back and forth.
create or replace function script_tracking_internal.catalog_units()
returns table (class_id oid, object_id oid, sub_id oid, object_type text, identity text, schema_id oid, roots oid[], facts text[])
language sql stable
as $function$
  with watched as materialized (
    select array(
      select n.oid from pg_catalog.pg_namespace as n
      where n.nspname !~ '^pg_(toast|temp_|toast_temp_)' and n.nspname not in ('script_tracking', 'script_tracking_internal')
        and not (n.nspname = 'auth' and pg_catalog.pg_get_userbyid(n.nspowner) = 'script_tracking_owner')) as schemas
  ), member as materialized (
    select d.classid, d.objid, d.refobjid as extension
    from pg_catalog.pg_depend as d where d.deptype = 'e' and d.refclassid = 3079
  ), unit as (
    select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, u.roots, u.facts
    from script_tracking_internal.relation_units((select w.schemas from watched as w)) as u
    union all
    select 1255, p.oid, 0, case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
      p.oid::regprocedure::text, p.pronamespace,
      array(  -- of a range type's constructors: that type
        select coalesce(r.rngtypid, d.refobjid) from pg_catalog.pg_depend as d
        left join pg_catalog.pg_range as r on r.rngmultitypid = d.refobjid
        where d.classid = 1255 and d.objid = p.oid and d.deptype = 'i' and d.refclassid = 1247),
      array['name ' || p.proname, 'schema{' || p.pronamespace || '}', 'owner role{' || p.proowner || '}', 'body ' || pg_catalog.md5(pg_catalog.concat(p.prosrc, p.prosqlbody::text)),
        pg_catalog.concat('language ', p.prolang, ' kind ', p.prokind, ' volatile ', p.provolatile, ' parallel ', p.proparallel,
          case when p.prosecdef then ' security definer' end, case when p.proleakproof then ' leakproof' end,
          case when p.proisstrict then ' strict' end, case when p.proretset then ' set' end, ' cost ', p.procost, ' rows ', p.prorows,
          ' support ', p.prosupport::oid),
        pg_catalog.concat('returns type{', p.prorettype, '/-1} arguments ', p.proargtypes, ' ', p.proallargtypes, ' ', p.proargmodes, ' ',
          pg_catalog.md5(p.proargnames::text), ' ', pg_catalog.md5(p.proargdefaults::text), ' ', p.provariadic),
        pg_catalog.concat('set ', pg_catalog.md5(p.proconfig::text), ' binary ', pg_catalog.md5(p.probin))]
      || case when p.proacl is not null then script_tracking_internal.granted_facts('grant', p.proacl) else '{}' end
    from pg_catalog.pg_proc as p
    where p.oid >= 16384 and p.pronamespace = any ((select w.schemas from watched as w)::oid[])
    union all
    select 1247, t.oid, 0, case t.typtype when 'd' then 'domain' else 'type' end, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname),
      t.typnamespace, '{}',
      array['name ' || t.typname, 'schema{' || t.typnamespace || '}', 'owner role{' || t.typowner || '}',
        pg_catalog.concat('kind ', t.typtype, ' length ', t.typlen, ' base type{', t.typbasetype, '/', t.typtypmod, '}',
          case when t.typnotnull then ' not null' end, ' dimensions ', t.typndims, ' collation ', t.typcollation,
          ' default ', pg_catalog.md5(t.typdefaultbin::text), ' input ', t.typinput::oid, ' output ', t.typoutput::oid, ' subtype ', r.rngsubtype)]
      || array(select 'label ' || e.enumlabel from pg_catalog.pg_enum as e where e.enumtypid = t.oid order by e.enumsortorder)
      || case when t.typacl is not null then script_tracking_internal.granted_facts('grant', t.typacl) else '{}' end
    from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    left join pg_catalog.pg_range as r on r.rngtypid = t.oid
    where t.oid >= 16384 and t.typtype in ('b', 'd', 'e', 'r') and t.typcategory <> 'A' and t.typnamespace = any ((select w.schemas from watched as w)::oid[])
    union all
    select 2615, n.oid, 0, 'schema', pg_catalog.quote_ident(n.nspname), n.oid, '{}',
      array['name ' || n.nspname, 'owner role{' || n.nspowner || '}']
      || case when n.nspacl is not null then script_tracking_internal.granted_facts('grant', n.nspacl) else '{}' end
    from pg_catalog.pg_namespace as n where n.oid = any ((select w.schemas from watched as w)::oid[])
    union all
    select 3079, e.oid, 0, 'extension', pg_catalog.quote_ident(e.extname), e.extnamespace, '{}',
      array['name ' || e.extname, 'schema{' || e.extnamespace || '}', 'owner role{' || e.extowner || '}', 'version ' || e.extversion,
        'relocatable ' || e.extrelocatable]
    from pg_catalog.pg_extension as e
    union all
    select 826, a.oid, 0, 'default privileges', pg_catalog.concat('for role ', pg_catalog.quote_ident(o.rolname), ' in ', coalesce(pg_catalog.quote_ident(n.nspname), 'every schema'),
        ' on ', a.defaclobjtype), a.defaclnamespace, '{}',
      array['for role{' || a.defaclrole || '}', 'schema{' || a.defaclnamespace || '}', 'on ' || a.defaclobjtype::text]
      || script_tracking_internal.granted_facts('grant', a.defaclacl)
    from pg_catalog.pg_default_acl as a
    left join pg_catalog.pg_roles as o on o.oid = a.defaclrole
    left join pg_catalog.pg_namespace as n on n.oid = a.defaclnamespace
    union all
    select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, u.roots, u.facts
    from script_tracking_internal.replication_units() as u
    union all
    select 3466, e.oid, 0, 'event trigger', pg_catalog.quote_ident(e.evtname), null, '{}',
      array['name ' || e.evtname, 'owner role{' || e.evtowner || '}', 'on ' || e.evtevent, 'calls function{' || e.evtfoid || '}',
        'enabled ' || e.evtenabled::text, 'tags ' || coalesce(e.evttags::text, ''), 'transaction ' || e.xmin]
    from pg_catalog.pg_event_trigger as e
  )
  select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id,
    case when m.extension is null then u.roots else u.roots || m.extension end, u.facts
  from unit as u left join member as m on m.classid = u.class_id and m.objid = u.object_id
$function$;
