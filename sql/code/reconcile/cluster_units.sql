-- requires: capture/installing_role.sql, reconcile/granted_facts.sql, reconcile/role_password_marks.sql
-- Roles, memberships, settings of roles and databases, databases and tablespaces, as the catalogs have them now. DDL on
-- them fires no event, so no record accounts for a change of one.
create or replace function script_tracking_internal.cluster_units()
returns table (class_id oid, object_id oid, sub_id oid, object_type text, identity text, schema_id oid, roots oid[], facts text[])
language sql stable
as $function$
  select 1260::oid, r.oid, 0::oid, 'role', pg_catalog.quote_ident(r.rolname), null::oid, '{}'::oid[],
    array['name ' || r.rolname,
      'powers' || pg_catalog.concat(case when r.rolsuper then ' superuser' end, case when r.rolcreaterole then ' createrole' end,
        case when r.rolcreatedb then ' createdb' end, case when r.rolreplication then ' replication' end,
        case when r.rolbypassrls then ' bypassrls' end),
      'login ' || r.rolcanlogin, 'inherit ' || r.rolinherit, 'connection limit ' || r.rolconnlimit]
    || case when r.rolvaliduntil is not null then array['valid until ' || extract(epoch from r.rolvaliduntil)] else '{}' end
    || case when m.mark is not null then array['password ' || m.mark] else '{}' end
  from pg_catalog.pg_roles as r
  left join script_tracking_internal.role_password_marks(
    (select i.state_key from script_tracking_internal.installation as i)) as m on m.role_id = r.oid
  union all
  select 1261, m.roleid, m.member, 'membership', coalesce(pg_catalog.quote_ident(u.rolname), m.member::text) || ' in '
      || coalesce(pg_catalog.quote_ident(g.rolname), m.roleid::text), null, array[m.roleid, m.member],
    pg_catalog.array_agg(pg_catalog.concat('granted by role{', m.grantor, '}', case when m.admin_option then ' with admin option' end,
      case pg_catalog.to_jsonb(m) ->> 'inherit_option' when 'false' then ' without inherit' end,
      case pg_catalog.to_jsonb(m) ->> 'set_option' when 'false' then ' without set' end) order by m.grantor)
  from pg_catalog.pg_auth_members as m
  left join pg_catalog.pg_roles as g on g.oid = m.roleid
  left join pg_catalog.pg_roles as u on u.oid = m.member
  -- a managed service's admin joins the owner for each installation; that it stays a member, the health checks tell
  where not (m.member = m.grantor and (g.rolname = 'script_tracking_owner') is true
    and (u.rolname = (select script_tracking_internal.installing_role())) is true)
  group by m.roleid, m.member, g.rolname, u.rolname
  union all
  select 2964, s.setdatabase, s.setrole, 'settings', pg_catalog.concat_ws(' in ',
      case when s.setrole <> 0 then 'role ' || coalesce(pg_catalog.quote_ident(r.rolname), s.setrole::text) else 'every role' end,
      'database ' || coalesce(pg_catalog.quote_ident(d.datname), nullif(s.setdatabase, 0)::text)), null,
    pg_catalog.array_remove(array[s.setdatabase, s.setrole], 0::oid),
    array(select pg_catalog.concat('set ', pg_catalog.split_part(c.setting, '=', 1), ' ', pg_catalog.md5(c.setting))
      from pg_catalog.unnest(s.setconfig) as c (setting))
  from pg_catalog.pg_db_role_setting as s
  left join pg_catalog.pg_roles as r on r.oid = s.setrole
  left join pg_catalog.pg_database as d on d.oid = s.setdatabase
  union all
  select 1262, d.oid, 0, 'database', pg_catalog.quote_ident(d.datname), null, '{}',
    array['name ' || d.datname, 'owner role{' || d.datdba || '}', 'tablespace{' || d.dattablespace || '}',
      pg_catalog.concat('encoding ', d.encoding, ' collate ', d.datcollate, ' ctype ', d.datctype, case when d.datistemplate then ' template' end,
        case when not d.datallowconn then ' closed' end, ' connection limit ', d.datconnlimit)]
    || case when d.datacl is not null then script_tracking_internal.granted_facts('grant', d.datacl) else '{}' end
  from pg_catalog.pg_database as d
  union all
  select 1213, t.oid, 0, 'tablespace', pg_catalog.quote_ident(t.spcname), null, '{}',
    array['name ' || t.spcname, 'owner role{' || t.spcowner || '}', 'options ' || coalesce(t.spcoptions::text, '')]
    || case when t.spcacl is not null then script_tracking_internal.granted_facts('grant', t.spcacl) else '{}' end
  from pg_catalog.pg_tablespace as t
$function$;
