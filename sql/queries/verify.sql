-- What stands in the database, for `schema verify`.

-- name: verify
-- Names the event triggers by itself: it must not ask the functions that it verifies.
select c.name, c.ok, c.detail
from (
  select 'event_trigger_' || w.name as name,
    coalesce((select e.evtenabled = 'A' and e.evtevent = w.event and e.evttags is null
         and n.nspname = 'script_tracking' and p.proname = w.function
         and (r.rolsuper or exists (select from pg_roles as a
           where a.rolname in ('rds_superuser', 'azure_pg_admin', 'cloudsqlsuperuser') and pg_has_role(r.oid, a.oid, 'member'))
           or r.rolname = current_setting('script_tracking_internal.installed_by', true))
       from pg_event_trigger as e join pg_proc as p on p.oid = e.evtfoid join pg_namespace as n on n.oid = p.pronamespace
       join pg_roles as r on r.oid = e.evtowner
       where e.evtname = w.name), false) as ok,
    'must stand, fire always and for every command, call ' || w.function || ' and belong to a superuser or a managed service''s admin' as detail
  from (values ('et_ddl_command_start', 'ddl_command_start', 'event_trigger_ddl_start'),
    ('et_ddl_command_end', 'ddl_command_end', 'event_trigger_ddl_end'),
    ('et_sql_drop', 'sql_drop', 'event_trigger_sql_drop'),
    ('et_table_rewrite', 'table_rewrite', 'event_trigger_table_rewrite')) as w (name, event, function)
  union all
  -- As the setting is for everybody else: what a session was begun with or set itself, to mend the tracker without its event
  -- triggers, is left out. It exists from 17 on.
  select 'nothing_switches_event_triggers_off', count(*) = 0,
    'the setting event_triggers is on, for the server, this database and every role in it'
      || coalesce('; off for ' || string_agg(o.place, ', ' order by o.place), '')
  from (
    select 'the server' as place from pg_settings as g
    where g.name = 'event_triggers' and g.setting = 'off'
      and g.source in ('configuration file', 'command line', 'environment variable')
    union all
    select concat_ws(' in ', case when s.setrole = 0 then 'every role' else 'role ' || s.setrole::regrole end,
      case when s.setdatabase = 0 then 'every database' else 'this database' end)
    from pg_db_role_setting as s cross join lateral unnest(s.setconfig) as c (setting)
    where (s.setdatabase = 0 or s.setdatabase = (select d.oid from pg_database as d where d.datname = current_database()))
      and c.setting ~* '^event_triggers=(off?|f|fa|fal|fals|false|no?|0)$') as o
  union all
  -- Whoever created the role on a managed service has admin option on it from 16 on, and nothing else of it. Without the
  -- event triggers, as in a pause, nobody knows who that is.
  select 'owner_has_no_members', not exists (
      select from pg_auth_members as m join pg_roles as o on o.oid = m.roleid join pg_roles as u on u.oid = m.member
      where o.rolname = 'script_tracking_owner' and not u.rolsuper
        and not (coalesce((select e.evtowner = u.oid from pg_event_trigger as e where e.evtname = 'et_ddl_command_end'), true)
          and (to_jsonb(m) ->> 'set_option' = 'false' and to_jsonb(m) ->> 'inherit_option' = 'false') is true)),
    'a member of script_tracking_owner can take over the next superuser''s DDL'
  union all
  select 'roles_without_powers', (
      select count(*) = 5 and not bool_or(r.rolcanlogin or r.rolsuper or r.rolbypassrls or r.rolcreaterole
        or r.rolcreatedb or r.rolreplication)
      from pg_roles as r
      where r.rolname in ('script_tracking_owner', 'script_tracking_daemon', 'script_tracking_app',
                          'script_tracking_reader', 'script_tracking_auditor')),
    'the project''s five roles stand, are NOLOGIN and have no powers of their own' || coalesce('; not so: ' || (
      select string_agg(w.name || coalesce(' ' || x.powers, ' is missing'), ', ' order by w.name)
      from unnest('{owner,daemon,app,reader,auditor}'::text[]) as u (suffix)
      cross join lateral (select 'script_tracking_' || u.suffix as name) as w
      left join pg_roles as r on r.rolname = w.name
      cross join lateral (
        select case when r.oid is not null then concat_ws(' ', case when r.rolcanlogin then 'LOGIN' end,
          case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
          case when r.rolcreaterole then 'CREATEROLE' end, case when r.rolcreatedb then 'CREATEDB' end,
          case when r.rolreplication then 'REPLICATION' end) end as powers) as x
      where x.powers is distinct from ''), '')
  union all
  -- Whoever has one of his own, calling his own function, may.
  select 'event_triggers_call_ours_once', count(*) = 0,
    'no event trigger but those released calls the tracker''s functions'
      || coalesce('; not so: ' || string_agg(e.evtname, ', ' order by e.evtname), '')
  from pg_event_trigger as e join pg_proc as p on p.oid = e.evtfoid join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname in ('script_tracking', 'script_tracking_internal')
    and e.evtname not in ('et_ddl_command_start', 'et_ddl_command_end', 'et_sql_drop', 'et_table_rewrite')
  union all
  select 'objects_belong_to_owner', not exists (
      select from pg_namespace as n
      left join pg_class as c on c.relnamespace = n.oid left join pg_proc as p on p.pronamespace = n.oid
      where (n.nspname in ('script_tracking', 'script_tracking_internal')
          or n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner')
        and 'script_tracking_owner' <> any (array[pg_get_userbyid(n.nspowner),
          coalesce(pg_get_userbyid(c.relowner), 'script_tracking_owner'),
          coalesce(pg_get_userbyid(p.proowner), 'script_tracking_owner')])
        -- what needs a right of the installing role, to whom the event triggers belong
        and not (n.nspname = 'script_tracking_internal' and p.proname in ('sessions', 'log_name_pattern', 'log_place',
          'log_files', 'read_log', 'probe_log', 'create_slot', 'drop_slot', 'peek_slot', 'advance_slot', 'note_transactions', 'log_from',
          'backend_activity', 'horizon_holder', 'role_password_marks', 'secret_marks', 'log_line', 'session_activity',
          'session_progress', 'statement_statistics', 'lock_waits')
          and p.proowner in (select e.evtowner from pg_event_trigger as e where e.evtname = 'et_ddl_command_end'
            union all select r.oid from pg_roles as r
            where r.rolsuper or r.rolname = current_setting('script_tracking_internal.installed_by', true)))),
    'schemas, tables and functions belong to script_tracking_owner, but for what needs the installing role''s rights'
  union all
  -- whose it is may drop it, and capture with it
  select 'publication_is_empty', count(*) = 1 and not coalesce(bool_or(p.puballtables
      or exists (select from pg_publication_tables as t where t.pubname = p.pubname)
      or not (select r.rolsuper or coalesce((select e.evtowner = r.oid from pg_event_trigger as e where e.evtname = 'et_ddl_command_end'), true)
        from pg_roles as r where r.oid = p.pubowner)), true),
    'the publication script_tracking_capture stands, publishes nothing and belongs to a superuser or whoever installed'
  from pg_publication as p where p.pubname = 'script_tracking_capture'
  union all
  select 'row_security_forced', not exists (
      select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
        and not (c.relrowsecurity and c.relforcerowsecurity)),
    'row-level security is forced on every table and partition'
  union all
  select 'policies_as_released', not exists (
      select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      cross join lateral (
        select array_agg(concat_ws(' ', p.polname, p.polcmd, p.polpermissive,
          array(select pg_get_userbyid(r) from unnest(p.polroles) as r where r <> 0)::text,
          pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname) as found
        from pg_policy as p where p.polrelid = c.oid) as f
      where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
        and f.found is distinct from array['owner_all * t {script_tracking_owner} true true']
          || case
            -- links are shown by views; a hub of objects has no tenant but by its names
            when c.relname in ('script_execution_object', 'script_execution_parent') then array[]::text[]
            when c.relname = 'database_object_h' then array['read_visible r t {} '
              || e'(EXISTS ( SELECT\n   FROM script_tracking.database_object_name_s n\n  WHERE (n.object_hk = database_object_h.object_hk)))']
            when n.nspname = 'script_tracking' and c.relkind = 'p' then array['read_visible r t {} ' || replace(
              '((tenant_hk = ANY (( SELECT script_tracking_internal.tenants_shown_to(CURRENT_USER) AS tenants_shown_to)::bytea[])) AND '
              '((began >= ( SELECT script_tracking_internal.hidden_before() AS hidden_before)) OR '
              '((began >= (( SELECT script_tracking_internal.hidden_befores() AS hidden_befores))[array_position('
              '( SELECT script_tracking_internal.shortened_tenants() AS shortened_tenants), tenant_hk)]) IS NOT FALSE) OR '
              '(began <@ (( SELECT script_tracking_internal.held_ranges() AS held_ranges))[array_position('
              '( SELECT script_tracking_internal.shortened_tenants() AS shortened_tenants), tenant_hk)])))',
              'began', substring(pg_get_partkeydef(c.oid) from '\((\w+)\)'))]
            when n.nspname = 'script_tracking' then array['read_visible r t {} '
              '(tenant_hk = ANY (( SELECT script_tracking_internal.tenants_shown_to(CURRENT_USER) AS tenants_shown_to)::bytea[]))']
            when c.relname in ('schema_code', 'schema_migration') then array['read_ledger r t {} true']
            else array[]::text[] end),
    'every table has the released row-level security policies and no other'
  union all
  select 'append_only_triggers', not exists (
      select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      cross join lateral (
        select array_agg(concat_ws(' ', t.tgname, t.tgtype, nullif(t.tgattr::text, ''), nullif(encode(t.tgargs, 'escape'), ''),
          case when t.tgqual is not null then 'when' end) order by t.tgname) as found
        from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid join pg_namespace as f on f.oid = p.pronamespace
        where t.tgrelid = c.oid and t.tgenabled = 'A'
          and f.nspname = 'script_tracking_internal' and p.proname = 'protect_record') as f
      -- a table that is append-only is a line here, its partitions are known by the name; tgtype: 27 before update
      -- or delete of a row, 11 delete, 19 update, 34 before truncate; then the columns of its update, and
      -- arguments, which end in a zero byte
      join (values ('script_execution_h', array['protect_rows 27', 'protect_truncate 34']),
        ('script_execution_s', array['protect_deletes 11', 'protect_truncate 34', 'protect_updates 19 may_end\000']),
        ('script_execution_change_s', array['protect_rows 27', 'protect_truncate 34']),
        ('change_rules', array['protect_rows 27', 'protect_truncate 34']),
        ('partition_archive', array['protect_rows 27', 'protect_truncate 34']),
        ('tenant_h', array['protect_columns 19 1 3 4', 'protect_deletes 11', 'protect_truncate 34']),  -- all columns but the code
        ('tenant_s', array['protect_deletes 11', 'protect_truncate 34', 'protect_updates 19 may_end\000']))
        as w (relation, triggers) on c.relname ~ ('^' || w.relation || '(_|$)')
      where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
        and f.found is distinct from w.triggers),
    'hubs, satellites and every partition of them refuse change, under any replication role'
  union all
  -- of a partition whose detachment began and did not end the parent shows no row
  select 'partitions_and_no_children', count(*) = 0,
    'the tracker''s tables have partitions of its own and no child besides, and none that is half detached'
      || coalesce('; not so: ' || string_agg(i.inhrelid::regclass || case when i.inhdetachpending
          then ' is half detached from ' else ' inherits ' end || i.inhparent::regclass
          || case when i.inhdetachpending then ' (alter table ... detach partition ... finalize)'
            else ' (alter table ... no inherit ..., or end the session whose temporary table it is)' end, ', ' order by i.inhrelid::regclass::text), '')
  from pg_inherits as i join pg_class as p on p.oid = i.inhparent join pg_namespace as n on n.oid = p.relnamespace
  join pg_class as c on c.oid = i.inhrelid
  where n.nspname in ('script_tracking', 'script_tracking_internal') and p.relkind in ('r', 'p')
    and (i.inhdetachpending or not c.relispartition or c.relnamespace <> 'script_tracking_internal'::regnamespace)
  union all
  select 'public_has_no_rights', not exists (
      select from pg_namespace as n
      cross join lateral (
        select n.nspacl as acl
        union all
        select coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc as p where p.pronamespace = n.oid
        union all
        select c.relacl from pg_class as c where c.relnamespace = n.oid
        union all
        select a.attacl from pg_attribute as a join pg_class as c on c.oid = a.attrelid where c.relnamespace = n.oid) as o
      cross join lateral aclexplode(o.acl) as a
      where (n.nspname in ('script_tracking', 'script_tracking_internal')
          or n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner') and a.grantee = 0),
    'PUBLIC may use, read and call nothing'
) as c
order by 1

-- name: facts
-- What stands, fact by fact, without oids and the same on every major; sql/released.txt is made of it. Of partitions
-- only what is compared with their parent. Left to other checks: row security, policies, append-only triggers, owners,
-- rights of PUBLIC, texts of functions. Left to the database's administrator: storage parameters, tablespaces.
with relation as (
  select c.oid, c.relkind, c.relpersistence, c.relowner as owner, c.relacl as acl, p.parent,
    case c.relkind when 'r' then 'table' when 'p' then 'table' when 'v' then 'view' when 'S' then 'sequence'
      else 'relation' end || format(' %I.%I', n.nspname, c.relname) as object,
    (case c.relkind when 'S' then 's' else 'r' end)::"char" as acl_kind
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  left join lateral (
    select format('table %I.%I', pn.nspname, pc.relname) as parent
    from pg_inherits as i join pg_class as pc on pc.oid = i.inhparent join pg_namespace as pn on pn.oid = pc.relnamespace
    where i.inhrelid = c.oid and c.relispartition) as p on true
  where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind not in ('i', 'I', 't')
), routine as (
  select p.oid, p.proowner as owner, p.proacl as acl, 'function ' || p.oid::regprocedure as object,
    concat_ws(' ', l.lanname, case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
      case when p.proisstrict then 'strict' end, 'parallel', p.proparallel,
      case when p.proleakproof then 'leakproof' end, case when p.prokind <> 'f' then p.prokind end,
      '(' || pg_get_function_arguments(p.oid) || ')', 'returns', pg_get_function_result(p.oid),
      -- of a body that was bound when the function was made; the others are compared as text
      case when p.prosqlbody is not null then concat_ws(' ', 'body', md5(pg_get_function_sqlbody(p.oid)),
        case when p.prosecdef then 'security definer' end, p.proconfig::text) end) as definition
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace join pg_language as l on l.oid = p.prolang
  where n.nspname in ('script_tracking', 'script_tracking_internal')
    or n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner'
), granted as (
  select 'schema ' || n.nspname as object, null as parent, '' as part, n.nspowner as owner,
    coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl
  from pg_namespace as n where n.nspname in ('script_tracking', 'script_tracking_internal')
    or n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner'
  union all
  select r.object, r.parent, '', r.owner, coalesce(r.acl, acldefault(r.acl_kind, r.owner)) from relation as r
  union all
  select r.object, r.parent, format(' (%I)', a.attname), r.owner, a.attacl
  from relation as r join pg_attribute as a on a.attrelid = r.oid where a.attacl is not null
  union all
  select r.object, null, '', r.owner, coalesce(r.acl, acldefault('f', r.owner)) from routine as r
)
select 'schema ' || n.nspname as object, null as partition_of, 'is' as kind, '' as name, 'schema' as definition
from pg_namespace as n where n.nspname in ('script_tracking', 'script_tracking_internal')
  or n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner'
union all
select r.object, null, 'is', '', concat_ws(' ', 'kind', r.relkind, 'persistence', r.relpersistence, pg_get_partkeydef(r.oid),
  (select concat_ws(' ', format_type(s.seqtypid, null), 'start', s.seqstart, 'by', s.seqincrement, 'from', s.seqmin,
     'to', s.seqmax, 'cache', s.seqcache, case when s.seqcycle then 'cycle' end)
   from pg_sequence as s where s.seqrelid = r.oid))
from relation as r where r.parent is null
union all
select r.object, null, 'is', '', r.definition from routine as r
union all
select r.object, r.parent, 'column', quote_ident(a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
  case when a.attnotnull then 'not null' end, 'default ' || pg_get_expr(d.adbin, d.adrelid),
  'identity ' || nullif(a.attidentity::text, ''), 'generated ' || nullif(a.attgenerated::text, ''),
  case when a.attcollation <> t.typcollation then 'collation ' || a.attcollation::regcollation end)
from relation as r join pg_attribute as a on a.attrelid = r.oid join pg_type as t on t.oid = a.atttypid
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where r.relkind <> 'S' and a.attnum > 0 and not a.attisdropped
union all
-- not null is told of the columns: it is a constraint from 18 on only; partition_cut is upkeep's for a while
select r.object, r.parent, 'constraint', quote_ident(o.conname), pg_get_constraintdef(o.oid)
from relation as r join pg_constraint as o on o.conrelid = r.oid where o.contype in ('c', 'f', 'p', 'u', 'x')
  and not (o.conname = 'partition_cut' and r.parent is not null)
union all
select r.object, r.parent, 'index', quote_ident(c.relname), concat_ws(' ', case when i.indisunique then 'UNIQUE' end,
  substring(pg_get_indexdef(i.indexrelid) from 'USING .*'), case when not (i.indisvalid and i.indisready) then 'INVALID' end)
from relation as r join pg_index as i on i.indrelid = r.oid join pg_class as c on c.oid = i.indexrelid
union all
select r.object, null, 'view', '', md5(pg_get_viewdef(r.oid)) from relation as r where r.relkind in ('v', 'm')
union all
select r.object, r.parent, 'rule', quote_ident(w.rulename), pg_get_ruledef(w.oid)
from relation as r join pg_rewrite as w on w.ev_class = r.oid where w.rulename <> '_RETURN'
union all
select r.object, r.parent, 'trigger', quote_ident(t.tgname), 'calls ' || t.tgfoid::regprocedure
from relation as r join pg_trigger as t on t.tgrelid = r.oid
where not t.tgisinternal and t.tgparentid = 0
  and t.tgfoid is distinct from to_regprocedure('script_tracking_internal.protect_record()')
union all
-- MAINTAIN exists from 17 on, for owners alone
select g.object, g.parent, 'grant', case when a.grantee = g.owner then 'owner' else a.grantee::regrole::text end,
  string_agg(a.privilege_type || g.part || case when a.is_grantable and a.grantee <> g.owner then ' with grant option' else '' end,
    ', ' order by a.privilege_type collate "C", g.part collate "C")
from granted as g cross join lateral aclexplode(g.acl) as a
where a.grantee <> 0 and a.privilege_type <> 'MAINTAIN'
group by g.object, g.parent, g.owner, a.grantee

-- name: functions
select n.nspname || '.' || p.proname as name, p.prosrc as body, p.prosecdef as security_definer, p.proconfig as settings
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where p.prosqlbody is null and (n.nspname in ('script_tracking', 'script_tracking_internal')
  or n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner')
