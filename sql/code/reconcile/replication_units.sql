-- requires: reconcile/secret_marks.sql, reconcile/granted_facts.sql
-- Publications and subscriptions of this database, foreign-data wrappers, foreign servers and user mappings, as the catalogs
-- have them now. Not the tracker's own publication, which "schema verify" holds to the release.
-- Columns that not every major has are taken from a row of defaults where the catalog lacks them. Whether a subscription is
-- enabled is left out where the server itself may disable it.
create or replace function script_tracking_internal.replication_units()
returns table (class_id oid, object_id oid, sub_id oid, object_type text, identity text, schema_id oid, roots oid[], facts text[])
language sql stable
as $function$
  with mark as materialized (
    select m.class_id, m.object_id, m.mark from script_tracking_internal.secret_marks(
      (select i.state_key from script_tracking_internal.installation as i)) as m
  ), published as (
    select pr.prpubid as publication, pr.oid as entry, pr.prrelid as published,
      pg_catalog.concat('publishes relation{', pr.prrelid, '}', ' columns ' || (pg_catalog.to_jsonb(pr) ->> 'prattrs'),
        ' where ' || pg_catalog.md5(pg_catalog.to_jsonb(pr) ->> 'prqual')) as fact
    from pg_catalog.pg_publication_rel as pr
    union all
    -- schemas (15 and newer), without naming the catalog that 14 lacks
    select p.refobjid, p.objid, n.refobjid, 'publishes schema{' || n.refobjid || '}'
    from pg_catalog.pg_depend as p join pg_catalog.pg_depend as n on n.classid = p.classid and n.objid = p.objid
    where p.classid = 6237 and p.refclassid = 6104 and n.refclassid = 2615
  )
  select 6104::oid, p.oid, 0::oid, 'publication', pg_catalog.quote_ident(p.pubname), null::oid,
    array(select e.entry from published as e where e.publication = p.oid union select e.published from published as e where e.publication = p.oid order by 1),
    array['name ' || p.pubname, 'owner role{' || p.pubowner || '}',
      pg_catalog.concat('publishes', case when p.puballtables then ' all tables' end, case when p.pubinsert then ' insert' end,
        case when p.pubupdate then ' update' end, case when p.pubdelete then ' delete' end, case when p.pubtruncate then ' truncate' end,
        case when p.pubviaroot then ' via root' end, ' generated columns ' || (pg_catalog.to_jsonb(p) ->> 'pubgencols'))]
    || array(select e.fact from published as e where e.publication = p.oid order by e.fact)
  from pg_catalog.pg_publication as p
  where p.pubname <> 'script_tracking_capture'
  union all
  select 6100, s.oid, 0, 'subscription', pg_catalog.quote_ident(s.subname), null, '{}',
    array['name ' || s.subname, 'owner role{' || s.subowner || '}', pg_catalog.concat('to ', s.subpublications, ' slot ', s.subslotname),
      pg_catalog.concat('commit ', s.subsynccommit, ' binary ', s.subbinary, ' streaming ', s.substream,
        case when s.subtwophasestate <> 'd' then ' two-phase' end, case when s.subdisableonerr then ' disabled on error' end,
        case when not s.subpasswordrequired then ' without password' end, case when s.subrunasowner then ' run as owner' end,
        ' origin ' || s.suborigin, case when s.subfailover then ' failover' end)]
    || case when s.subdisableonerr then '{}' else array['enabled ' || s.subenabled] end
    || case when m.mark is not null then array['connection ' || m.mark] else '{}' end
  from (select 'd'::"char" as subtwophasestate, false as subdisableonerr, true as subpasswordrequired, false as subrunasowner,
      null::text as suborigin, false as subfailover) as missing
  cross join lateral (
    select c.oid, c.subname, c.subowner, c.subenabled, c.subpublications, c.subslotname, c.subsynccommit, c.subbinary, c.substream::text,
      subtwophasestate, subdisableonerr, subpasswordrequired, subrunasowner, suborigin, subfailover
    from pg_catalog.pg_subscription as c
    where c.subdbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())) as s
  left join mark as m on m.class_id = 6100 and m.object_id = s.oid
  union all
  select 2328, w.oid, 0, 'foreign-data wrapper', pg_catalog.quote_ident(w.fdwname), null, '{}',
    array['name ' || w.fdwname, 'owner role{' || w.fdwowner || '}', pg_catalog.concat('handler ', w.fdwhandler, ' validator ', w.fdwvalidator),
      'options ' || coalesce(pg_catalog.md5(w.fdwoptions::text), '')]
    || case when w.fdwacl is not null then script_tracking_internal.granted_facts('grant', w.fdwacl) else '{}' end
  from pg_catalog.pg_foreign_data_wrapper as w
  union all
  select 1417, s.oid, 0, 'foreign server', pg_catalog.quote_ident(s.srvname), null, '{}',
    array['name ' || s.srvname, 'owner role{' || s.srvowner || '}', pg_catalog.concat('wrapper ', s.srvfdw, ' type ', s.srvtype, ' version ', s.srvversion),
      'options ' || coalesce(pg_catalog.md5(s.srvoptions::text), '')]
    || case when s.srvacl is not null then script_tracking_internal.granted_facts('grant', s.srvacl) else '{}' end
  from pg_catalog.pg_foreign_server as s
  union all
  select 1418, u.umid, 0, 'user mapping', pg_catalog.concat('for ', case when u.umuser = 0 then 'public' else pg_catalog.quote_ident(u.usename) end, ' on ',
      pg_catalog.quote_ident(u.srvname)), null, array[u.srvid],
    array['for role{' || u.umuser || '}', pg_catalog.concat('server ', u.srvid)]
    || case when m.mark is not null then array['secret options ' || m.mark] else '{}' end
  from pg_catalog.pg_user_mappings as u left join mark as m on m.class_id = 1418 and m.object_id = u.umid
$function$;
