-- requires: reconcile/granted_facts.sql
-- The tracker's own schemas, tables and functions, as far as they guard the record: triggers, policies, row-level security, owners,
-- rights and bodies. Each row of a catalog is told with the transaction that wrote it: so a guard that was taken away and put back
-- between two passes is seen by the second. Not of pg_class, whose rows VACUUM FULL writes anew.
-- Columns, indexes, constraints and views "schema verify" holds to the release.
-- What of a table has a name of its own is among its roots, since the record of its DDL names that.
create or replace function script_tracking_internal.guard_units()
returns table (class_id oid, object_id oid, sub_id oid, object_type text, identity text, schema_id oid, roots oid[], facts text[])
language sql stable
as $function$
  with own as materialized (
    select n.oid, n.nspname, n.nspowner, n.nspacl, n.xmin::text as written
    from pg_catalog.pg_namespace as n
    where n.nspname in ('script_tracking', 'script_tracking_internal')
      or n.nspname = 'auth' and pg_catalog.pg_get_userbyid(n.nspowner) = 'script_tracking_owner'
  ), relation as materialized (
    select c.oid, c.relnamespace, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
      pg_catalog.quote_ident(o.nspname) || '.' || pg_catalog.quote_ident(c.relname) as identity
    from pg_catalog.pg_class as c join own as o on o.oid = c.relnamespace
    where c.relkind in ('r', 'p')
  ), guard as (
    select t.tgrelid as relation, t.oid, 'trigger ' || pg_catalog.quote_ident(t.tgname) as name, t.xmin::text as written,
      pg_catalog.concat(' enabled ', t.tgenabled, ' type ', t.tgtype, ' columns ', t.tgattr, ' calls function{', t.tgfoid, '}',
        ' when ' || pg_catalog.md5(t.tgqual::text), ' arguments ', pg_catalog.encode(t.tgargs, 'hex')) as what
    from pg_catalog.pg_trigger as t
    where not t.tgisinternal and t.tgrelid in (select r.oid from relation as r)
    union all
    select p.polrelid, p.oid, 'policy ' || pg_catalog.quote_ident(p.polname), p.xmin::text,
      pg_catalog.concat(' for ', p.polcmd, case when p.polpermissive then ' permissive' else ' restrictive' end,
        ' to role{' || pg_catalog.array_to_string(p.polroles, '} role{') || '}', ' using ', pg_catalog.md5(p.polqual::text),
        ' check ', pg_catalog.md5(p.polwithcheck::text))
    from pg_catalog.pg_policy as p
    where p.polrelid in (select r.oid from relation as r)
  ), guards as (
    select g.relation, pg_catalog.array_agg(g.oid order by g.oid) as oids,
      pg_catalog.array_agg(g.name || g.what order by g.name) as whats,
      pg_catalog.array_agg(pg_catalog.concat('transaction ', g.written, ' of ', g.name) order by g.name) as writtens
    from guard as g group by 1
  ), parents as (
    select i.inhrelid, pg_catalog.array_agg(i.inhparent order by i.inhparent) as oids
    from pg_catalog.pg_inherits as i where i.inhrelid in (select r.oid from relation as r) group by 1
  )
  select 2615::oid, o.oid, 0::oid, 'schema', pg_catalog.quote_ident(o.nspname), o.oid, '{}'::oid[],
    array['of the tracker', 'owner role{' || o.nspowner || '}', 'transaction ' || o.written]
    || case when o.nspacl is not null then script_tracking_internal.granted_facts('grant', o.nspacl) else '{}' end
  from own as o
  union all
  select 1259, r.oid, 0, 'table', r.identity, r.relnamespace, array[r.relnamespace] || coalesce(p.oids, '{}') || coalesce(g.oids, '{}'),
    array['of the tracker', 'owner role{' || r.relowner || '}', 'row security ' || r.relrowsecurity || ' forced ' || r.relforcerowsecurity]
    || coalesce(g.whats, '{}') || coalesce(g.writtens, '{}')
    || case when r.relacl is not null then script_tracking_internal.granted_facts('grant', r.relacl) else '{}' end
  from relation as r left join guards as g on g.relation = r.oid left join parents as p on p.inhrelid = r.oid
  union all
  select 1255, f.oid, 0, case f.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
    f.oid::regprocedure::text, f.pronamespace, array[f.pronamespace],
    array['of the tracker', 'owner role{' || f.proowner || '}', 'transaction ' || f.xmin::text, 'body ' || pg_catalog.md5(pg_catalog.concat(f.prosrc, f.prosqlbody::text)),
      pg_catalog.concat('settings', case when f.prosecdef then ' security definer' end, ' ', pg_catalog.md5(f.proconfig::text))]
    || case when f.proacl is not null then script_tracking_internal.granted_facts('grant', f.proacl) else '{}' end
  from pg_catalog.pg_proc as f join own as o on o.oid = f.pronamespace
$function$;
