-- requires: reconcile/granted_facts.sql
-- What relations are made of, as the catalogs have it now: tables with their columns, views, sequences, composite types,
-- and with an entry of their own indexes, constraints, triggers, rules and policies.
-- Plain reads of catalogs with one snapshot: no function in here opens a relation, which would wait for whoever locks it.
-- Names of other objects stand as kind{oid}, so that to rename one changes nothing here; long and possibly secret texts as
-- their md5. Not a definition, and left out: what VACUUM, ANALYZE, CLUSTER, TRUNCATE and REFRESH write, and NOT NULL
-- constraints (from 18 on) beside the columns' own NOT NULL.
create or replace function script_tracking_internal.relation_units(p_schemas oid[])
returns table (class_id oid, object_id oid, sub_id oid, object_type text, identity text, schema_id oid, roots oid[], facts text[])
language sql stable
as $function$
  with relation as materialized (
    select c.oid, c.relname, n.nspname, c.relnamespace, c.relkind, c.relowner, c.reltype, c.reltablespace, c.relam, c.relpersistence,
      c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloftype, c.reloptions, c.relacl, c.relpartbound,
      pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as identity
    from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid >= 16384 and c.relkind <> 't' and c.relnamespace = any (p_schemas)
  ), columns as materialized (
    select a.attrelid, pg_catalog.array_agg(pg_catalog.concat('column ', a.attnum, ' ', pg_catalog.quote_ident(a.attname),
        ' type{', a.atttypid, '/', a.atttypmod, '}', case when a.attnotnull then ' not null' end,
        ' default ' || pg_catalog.md5(d.adbin::text), ' identity ' || nullif(a.attidentity::text, ''), ' generated ' || nullif(a.attgenerated::text, ''),
        case when a.attcollation not in (0, 100) then ' collation ' || a.attcollation::text end,
        ' storage ', a.attstorage, ' compression ' || nullif(a.attcompression::text, ''), ' options ' || a.attoptions::text,
        ' foreign options ' || pg_catalog.md5(a.attfdwoptions::text)) order by a.attnum) as facts
    from pg_catalog.pg_attribute as a
    join relation as r on r.oid = a.attrelid and r.relkind not in ('i', 'I', 'S')
    left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum and a.atthasdef
    where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped
    group by a.attrelid
  ), column_rights as (
    select g.attrelid, pg_catalog.array_agg(g.fact order by g.attnum, g.fact) as facts
    from (select a.attrelid, a.attnum, pg_catalog.unnest(script_tracking_internal.granted_facts(
            'grant column ' || pg_catalog.quote_ident(a.attname), a.attacl)) as fact
          from pg_catalog.pg_attribute as a where a.attrelid >= 16384 and a.attacl is not null and not a.attisdropped) as g
    group by g.attrelid
  ), parents as (
    select i.inhrelid, pg_catalog.array_agg(i.inhparent order by i.inhparent) as roots
    from pg_catalog.pg_inherits as i group by i.inhrelid
  ), owned as (
    select d.objid, pg_catalog.array_agg(distinct d.refobjid) as roots
    from pg_catalog.pg_depend as d
    where d.classid = 1259 and d.refclassid = 1259 and d.refobjsubid > 0 and d.deptype in ('a', 'i') and d.objsubid = 0
      and d.objid in (select r.oid from relation as r where r.relkind = 'S')
    group by d.objid
  )
  select 1259::oid, r.oid, 0::oid,
    case r.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
      when 'S' then 'sequence' when 'c' then 'composite type' else 'table' end,
    r.identity, r.relnamespace,
    coalesce(p.roots, '{}') || coalesce(o.roots, '{}') || case when r.relkind = 'c' then array[r.reltype] else '{}' end
      || case when r.reloftype <> 0 then array[r.reloftype, (select t.typrelid from pg_catalog.pg_type as t where t.oid = r.reloftype)] else '{}' end,
    array[
      'name ' || r.relname, 'schema{' || r.relnamespace || '}', 'owner role{' || r.relowner || '}', 'persistence ' || r.relpersistence::text,
      'tablespace{' || r.reltablespace || '}', 'access method ' || r.relam,
      'row security ' || r.relrowsecurity || ' forced ' || r.relforcerowsecurity, 'replica identity ' || r.relreplident::text]
    || case when r.reloptions is not null then array['options ' || r.reloptions::text] else '{}' end
    || case when r.reloftype <> 0 then array['of type{' || r.reloftype || '/-1}'] else '{}' end
    || case when r.relpartbound is not null then array['bound ' || pg_catalog.md5(r.relpartbound::text)] else '{}' end
    || case when k.partrelid is not null then array[pg_catalog.concat('partition by ', k.partstrat, ' ', k.partattrs, ' ', k.partclass,
         ' ', k.partcollation, ' ', pg_catalog.md5(k.partexprs::text))] else '{}' end
    || case when p.roots is not null then array['inherits relation{' || pg_catalog.array_to_string(p.roots, '} relation{') || '}'] else '{}' end
    || case when w.oid is not null then array['query ' || pg_catalog.md5(w.ev_action::text)] else '{}' end
    || case when s.seqrelid is not null then array[pg_catalog.concat('type{', s.seqtypid, '/-1} start ', s.seqstart, ' by ', s.seqincrement,
         ' from ', s.seqmin, ' to ', s.seqmax, ' cache ', s.seqcache, case when s.seqcycle then ' cycle' end)] else '{}' end
    || case when o.roots is not null then array['owned by relation{' || pg_catalog.array_to_string(o.roots, '} relation{') || '}'] else '{}' end
    || case when f.ftrelid is not null then array['server ' || f.ftserver || ' options ' || coalesce(pg_catalog.md5(f.ftoptions::text), '')] else '{}' end
    || coalesce(a.facts, '{}')
    || case when r.relacl is not null then script_tracking_internal.granted_facts('grant', r.relacl) else '{}' end
    || coalesce(g.facts, '{}')
  from relation as r
  left join columns as a on a.attrelid = r.oid
  left join column_rights as g on g.attrelid = r.oid
  left join parents as p on p.inhrelid = r.oid
  left join owned as o on o.objid = r.oid
  left join pg_catalog.pg_partitioned_table as k on k.partrelid = r.oid
  left join pg_catalog.pg_rewrite as w on w.ev_class = r.oid and w.rulename = '_RETURN'
  left join pg_catalog.pg_sequence as s on s.seqrelid = r.oid
  left join pg_catalog.pg_foreign_table as f on f.ftrelid = r.oid
  where r.relkind not in ('i', 'I')
  union all
  select 1259, r.oid, 0, 'index', r.identity, r.relnamespace, array[i.indrelid] || coalesce(p.roots, '{}') || coalesce(b.oid, '{}'),
    array[
      'name ' || r.relname, 'schema{' || r.relnamespace || '}', 'on relation{' || i.indrelid || '}', 'tablespace{' || r.reltablespace || '}',
      pg_catalog.concat('access method ', r.relam, case when i.indisunique then ' unique' end, case when i.indisprimary then ' primary' end,
        case when i.indisexclusion then ' exclusion' end, case when not i.indimmediate then ' deferrable' end,
        case when not i.indisvalid then ' invalid' end, case when i.indisreplident then ' replica identity' end,
        case pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct' when 'true' then ' nulls not distinct' end),
      pg_catalog.concat('columns ', i.indkey, ' of ', i.indnkeyatts, ' classes ', i.indclass, ' collations ', i.indcollation, ' options ', i.indoption,
        ' expressions ' || pg_catalog.md5(i.indexprs::text), ' where ' || pg_catalog.md5(i.indpred::text), ' with ' || r.reloptions::text)]
  from relation as r join pg_catalog.pg_index as i on i.indexrelid = r.oid
  left join parents as p on p.inhrelid = r.oid
  left join (
    select o.conindid, array[o.oid] as oid from pg_catalog.pg_constraint as o where o.contype in ('p', 'u', 'x')) as b on b.conindid = r.oid
  union all
  select 2606, o.oid, 0, 'constraint', pg_catalog.quote_ident(o.conname) || ' on ' || coalesce(r.identity, 'type ' || t.typname), o.connamespace,
    pg_catalog.array_remove(array[o.conrelid, o.contypid, o.confrelid], 0::oid)
      || case when o.contype = 't' then array(select t.oid from pg_catalog.pg_trigger as t where t.tgconstraint = o.oid) else '{}' end,
    array['name ' || o.conname, 'on relation{' || o.conrelid || '}',
      pg_catalog.concat('type ', o.contype, case when o.condeferrable then ' deferrable' end, case when o.condeferred then ' deferred' end,
        case when not o.convalidated then ' not valid' end, case when not o.conenforced then ' not enforced' end,
        case when o.connoinherit then ' no inherit' end, ' columns ', o.conkey::text, case when o.conperiod then ' period' end,
        case when o.confrelid <> 0 then pg_catalog.concat(' references relation{', o.confrelid, '} columns ', o.confkey::text,
          ' update ', o.confupdtype, ' delete ', o.confdeltype, ' of ' || o.confdelsetcols::text, ' match ', o.confmatchtype) end,
        ' operators ' || o.conexclop::text, ' expression ' || pg_catalog.md5(o.conbin::text))]
    || coalesce(g.facts, '{}')
  -- columns that not every major has: taken from here where the catalog lacks them
  from (select null::smallint[] as confdelsetcols, true as conenforced, false as conperiod) as missing
  cross join lateral (
    select c.oid, c.conname, c.connamespace, c.contype, c.condeferrable, c.condeferred, c.convalidated, c.connoinherit, c.conrelid,
      c.contypid, c.confrelid, c.conkey, c.confkey, c.confupdtype, c.confdeltype, c.confmatchtype, c.conexclop, c.conbin,
      confdelsetcols, conenforced, conperiod
    from pg_catalog.pg_constraint as c) as o
  left join relation as r on r.oid = o.conrelid
  left join pg_catalog.pg_type as t on t.oid = o.contypid
  left join (  -- those by which the server enforces it, where they do not fire as they were made
    select i.tgconstraint, pg_catalog.array_agg(pg_catalog.concat('trigger on relation{', i.tgrelid, '} of ', i.tgtype, ' enabled ', i.tgenabled)
      order by i.tgrelid, i.tgtype) as facts
    from pg_catalog.pg_trigger as i where i.tgisinternal and i.tgenabled <> 'O' group by i.tgconstraint) as g on g.tgconstraint = o.oid
  where o.oid >= 16384 and o.connamespace = any (p_schemas) and o.contype <> 'n'
  union all
  select 2620, t.oid, 0, 'trigger', pg_catalog.quote_ident(t.tgname) || ' on ' || r.identity, r.relnamespace,
    pg_catalog.array_remove(array[t.tgrelid, t.tgparentid], 0::oid),
    array['name ' || t.tgname, 'on relation{' || t.tgrelid || '}', 'calls function{' || t.tgfoid || '}', 'enabled ' || t.tgenabled::text,
      pg_catalog.concat('type ', t.tgtype, ' columns ', t.tgattr, case when t.tgdeferrable then ' deferrable' end,
        case when t.tginitdeferred then ' deferred' end, ' when ' || pg_catalog.md5(t.tgqual::text), ' arguments ', pg_catalog.md5(t.tgargs),
        ' old ' || t.tgoldtable, ' new ' || t.tgnewtable)]
  from pg_catalog.pg_trigger as t join relation as r on r.oid = t.tgrelid
  where not t.tgisinternal
  union all
  select 2618, w.oid, 0, 'rule', pg_catalog.quote_ident(w.rulename) || ' on ' || r.identity, r.relnamespace, array[w.ev_class],
    array['name ' || w.rulename, 'on relation{' || w.ev_class || '}', 'enabled ' || w.ev_enabled::text,
      pg_catalog.concat('type ', w.ev_type, case when w.is_instead then ' instead' end, ' when ', pg_catalog.md5(w.ev_qual::text),
        ' action ', pg_catalog.md5(w.ev_action::text))]
  from pg_catalog.pg_rewrite as w join relation as r on r.oid = w.ev_class
  where w.rulename <> '_RETURN'
  union all
  select 3256, y.oid, 0, 'policy', pg_catalog.quote_ident(y.polname) || ' on ' || r.identity, r.relnamespace, array[y.polrelid],
    array['name ' || y.polname, 'on relation{' || y.polrelid || '}',
      pg_catalog.concat('for ', y.polcmd, case when y.polpermissive then ' permissive' else ' restrictive' end),
      'to role{' || pg_catalog.array_to_string(y.polroles, '} role{') || '}',
      pg_catalog.concat('using ', pg_catalog.md5(y.polqual::text), ' check ', pg_catalog.md5(y.polwithcheck::text))]
  from pg_catalog.pg_policy as y join relation as r on r.oid = y.polrelid
$function$;
