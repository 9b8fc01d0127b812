-- What pg_catalog says of the installed schema, one fact a line, in sections; tests/catalog_dump.py reads it.
-- Constraints of type n (not null) are in pg_constraint from 18 on; the columns say it on every major.
-- MAINTAIN exists from 17 on, but only for owners, whose own rights are left out.

-- section: schemas
select n.nspname || ' owner ' || n.nspowner::regrole as line from pg_namespace as n where n.nspname in ('script_tracking', 'script_tracking_internal');

-- section: roles
select r.rolname || case when r.rolcanlogin then ' LOGIN' else ' NOLOGIN' end
  || case when r.rolsuper then ' SUPERUSER' else '' end || case when r.rolcreaterole then ' CREATEROLE' else '' end
  || case when r.rolcreatedb then ' CREATEDB' else '' end || case when r.rolreplication then ' REPLICATION' else '' end
  || case when r.rolbypassrls then ' BYPASSRLS' else '' end || case when r.rolinherit then '' else ' NOINHERIT' end
  || coalesce((select ' member of ' || string_agg(m.roleid::regrole::text, ', ' order by m.roleid::regrole::text)
               from pg_auth_members as m where m.member = r.oid), '') as line
from pg_roles as r where r.rolname like 'script\_tracking\_%';

-- section: relations
select n.nspname || '.' || c.relname || case c.relkind when 'r' then ' table' when 'p' then ' partitioned table'
    when 'v' then ' view' when 'S' then ' sequence' else ' ' || c.relkind::text end
  || ' owner ' || c.relowner::regrole
  || case when c.relkind = 'p' then ' ' || pg_get_partkeydef(c.oid) else '' end
  || case when c.relispartition then ' partition of ' || (select i.inhparent::regclass::text from pg_inherits as i
       where i.inhrelid = c.oid) || ' ' || pg_get_expr(c.relpartbound, c.oid) else '' end
  || case when c.relrowsecurity then ' rls' else '' end || case when c.relforcerowsecurity then ' forced' else '' end
  || case when c.relpersistence <> 'p' then ' persistence ' || c.relpersistence::text else '' end
  || coalesce(' with ' || array_to_string(c.reloptions, ', '), '') as line
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c');

-- section: columns
select n.nspname || '.' || c.relname || ' ' || to_char(a.attnum, 'FM00') || ' ' || a.attname || ' '
  || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
  || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  || case when a.attidentity <> '' then ' identity ' || a.attidentity::text else '' end
  || case when a.attgenerated <> '' then ' generated' else '' end
  || case when a.attcollation <> t.typcollation then ' collation ' || a.attcollation::regcollation else '' end as line
from pg_attribute as a join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace
join pg_type as t on t.oid = a.atttypid
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped;

-- section: indexes
select pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' INVALID' end as line
from pg_index as i join pg_class as c on c.oid = i.indrelid join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('script_tracking', 'script_tracking_internal');

-- section: constraints
select n.nspname || '.' || c.relname || ' ' || o.conname || ' ' || pg_get_constraintdef(o.oid) as line
from pg_constraint as o join pg_class as c on c.oid = o.conrelid join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('script_tracking', 'script_tracking_internal') and o.contype <> 'n';

-- section: sequences
select n.nspname || '.' || c.relname || ' ' || format_type(s.seqtypid, null) || ' start ' || s.seqstart || ' by '
  || s.seqincrement || ' min ' || s.seqmin || ' max ' || s.seqmax || ' cache ' || s.seqcache
  || case when s.seqcycle then ' cycle' else '' end as line
from pg_sequence as s join pg_class as c on c.oid = s.seqrelid join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('script_tracking', 'script_tracking_internal');

-- section: functions
select n.nspname || '.' || p.proname || '(' || pg_get_function_arguments(p.oid) || ') returns '
  || coalesce(pg_get_function_result(p.oid), '-') || ' | ' || l.lanname || ' '
  || case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end
  || case when p.proisstrict then ' strict' else '' end
  || case p.proparallel when 's' then ' parallel safe' when 'r' then ' parallel restricted' else '' end
  || case when p.prosecdef then ' security definer' else '' end || case when p.proleakproof then ' leakproof' else '' end
  || ' owner ' || case when exists (select from pg_event_trigger as e where e.evtname = 'et_ddl_command_end' and e.evtowner = p.proowner)
       then 'whoever installed' else p.proowner::regrole::text end
  || coalesce(' | ' || (select string_agg(s, '; ' order by s collate "C") from unnest(p.proconfig) as s), '') as line
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace join pg_language as l on l.oid = p.prolang
where n.nspname in ('script_tracking', 'script_tracking_internal');

-- section: event triggers
select e.evtname || ' on ' || e.evtevent || ' calls ' || e.evtfoid::regproc || ' enabled ' || e.evtenabled::text
  || coalesce(' tags ' || array_to_string(e.evttags, ', '), '')
  || case when r.rolsuper then ' owner superuser' else ' owner ' || r.rolname end as line
from pg_event_trigger as e join pg_roles as r on r.oid = e.evtowner;

-- section: triggers
select pg_get_triggerdef(t.oid) || ' enabled ' || t.tgenabled::text as line
from pg_trigger as t join pg_class as c on c.oid = t.tgrelid join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('script_tracking', 'script_tracking_internal') and not (t.tgisinternal and t.tgparentid = 0);

-- section: policies
select n.nspname || '.' || c.relname || ' ' || p.polname || ' for ' || p.polcmd::text
  || case when p.polpermissive then '' else ' restrictive' end || ' to '
  || (select string_agg(case r when 0 then 'PUBLIC' else r::regrole::text end, ', ') from unnest(p.polroles) as r)
  || coalesce(' using ' || pg_get_expr(p.polqual, p.polrelid), '')
  || coalesce(' check ' || pg_get_expr(p.polwithcheck, p.polrelid), '') as line
from pg_policy as p join pg_class as c on c.oid = p.polrelid join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('script_tracking', 'script_tracking_internal');

-- section: grants
select g.line from (
  select 'schema ' || n.nspname || ': ' || case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end || ' ' || a.privilege_type
    || case when a.is_grantable then ' with grant option' else '' end as line
  from pg_namespace as n cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as a
  where n.nspname in ('script_tracking', 'script_tracking_internal') and a.grantee <> n.nspowner
  union all
  select case c.relkind when 'S' then 'sequence ' else 'table ' end || n.nspname || '.' || c.relname || ': '
    || case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end || ' ' || a.privilege_type || case when a.is_grantable then ' with grant option' else '' end
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  cross join lateral aclexplode(coalesce(c.relacl,
    acldefault(case c.relkind when 'S' then 'S' else 'r' end::"char", c.relowner))) as a
  where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and a.grantee <> c.relowner
  union all
  select 'column ' || n.nspname || '.' || c.relname || '.' || t.attname || ': ' || case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end || ' ' || a.privilege_type
  from pg_attribute as t join pg_class as c on c.oid = t.attrelid join pg_namespace as n on n.oid = c.relnamespace
  cross join lateral aclexplode(t.attacl) as a
  where n.nspname in ('script_tracking', 'script_tracking_internal')
  union all
  select 'function ' || p.oid::regprocedure || ': ' || case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end || ' ' || a.privilege_type
    || case when a.is_grantable then ' with grant option' else '' end
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
  where n.nspname in ('script_tracking', 'script_tracking_internal') and a.grantee <> p.proowner
  union all
  -- an array type has the rights of its elements' type
  select 'type ' || n.nspname || '.' || t.typname || ': ' || case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end || ' ' || a.privilege_type
    || case when a.is_grantable then ' with grant option' else '' end
  from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
  cross join lateral aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) as a
  where n.nspname in ('script_tracking', 'script_tracking_internal') and a.grantee <> t.typowner
    and not (t.typelem <> 0 and t.typlen = -1)
  union all
  select 'default privileges of ' || d.defaclrole::regrole || ': ' || d.defaclacl::text
  from pg_default_acl as d
) as g;

-- bodies: texts that are not for reading, but tell two installations apart

-- section: function bodies
select p.oid::regprocedure || ' ' || md5(p.prosrc) || coalesce(' comment ' || obj_description(p.oid, 'pg_proc'), '')
  as line
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace where n.nspname in ('script_tracking', 'script_tracking_internal');

-- section: views
select c.oid::regclass || ' ' || md5(pg_get_viewdef(c.oid)) as line
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind = 'v';

-- section: comments
select c.oid::regclass || ' ' || coalesce(col_description(c.oid, s.sub), obj_description(c.oid, 'pg_class')) as line
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
cross join lateral generate_series(0, c.relnatts) as s (sub)
where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p', 'v', 'S');

-- section: compression
select c.oid::regclass || '.' || a.attname || ' ' || a.attcompression::text as line
from pg_attribute as a join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p') and a.attcompression <> '';

-- section: settings
select name || ' = ' || value || ': ' || description as line from script_tracking_internal.setting;

-- section: applied code
select path || ' ' || checksum as line from script_tracking_internal.schema_code;

-- section: applied migrations
select version || ' ' || name || ' ' || checksum || ' ' || breaking || ' ' || program_version as line from script_tracking_internal.schema_migration;
