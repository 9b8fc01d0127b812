-- Statements of the installer.

-- name: isolate
set transaction isolation level read committed

-- name: announce
-- Before the lock is waited for: whoever connects brings a lock_timeout and a search_path of their own.
select pg_catalog.set_config('search_path', 'pg_catalog', true), pg_catalog.set_config('lock_timeout', '120s', true),
  pg_catalog.set_config('script_tracking_internal.installing', 'on', true),
  pg_catalog.set_config('client_min_messages', 'warning', true),
  pg_catalog.set_config('check_function_bodies', 'on', true), pg_catalog.set_config('row_security', 'on', true),
  pg_catalog.set_config('quote_all_identifiers', 'off', true), pg_catalog.set_config('plpgsql.extra_errors', 'none', true)

-- name: lock
select pg_advisory_xact_lock(6001874101)

-- name: limit_waiting
select set_config('lock_timeout', '10s', true)

-- name: standing
-- A ledger is believed only where nobody but script_tracking_owner can have made it.
select
  (select string_agg(format('%s (owner %s)', n.nspname, pg_get_userbyid(n.nspowner)), ', ' order by n.nspname)
   from pg_catalog.pg_namespace as n
   where n.nspname in ('script_tracking', 'script_tracking_internal')) as schemas,
  exists (
    select from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    join pg_catalog.pg_namespace as s on s.nspname = 'script_tracking'
    join pg_catalog.pg_roles as r on r.rolname = 'script_tracking_owner'
    where n.nspname = 'script_tracking_internal' and c.relname = 'schema_migration' and c.relkind = 'r'
      and c.relowner = r.oid and n.nspowner = r.oid and s.nspowner = r.oid) as ledger,
  current_user as role_name

-- name: applied_migrations
select version, name, checksum, breaking from script_tracking_internal.schema_migration order by version

-- name: applied_code
select path, checksum, program_version from script_tracking_internal.schema_code

-- name: privileges
select r.rolname as role_name, r.rolsuper as superuser,
  (select a.rolname from pg_roles as a
   where a.rolname in ('rds_superuser', 'azure_pg_admin', 'cloudsqlsuperuser')
     and pg_has_role(r.oid, a.oid, 'member') limit 1) as managed_admin,
  (select string_agg(u.rolname, ', ' order by u.rolname)
   from pg_auth_members as m join pg_roles as o on o.oid = m.roleid join pg_roles as u on u.oid = m.member
   where o.rolname = 'script_tracking_owner' and not u.rolsuper and u.oid <> r.oid) as owner_members
from pg_roles as r where r.rolname = current_user

-- name: join_owner
-- A superuser may act as anybody; a managed service's admin has to be a member meanwhile.
do $join$
begin
  if not (select r.rolsuper from pg_roles as r where r.rolname = current_user) then
    grant script_tracking_owner to current_user;
  end if;
end
$join$

-- name: leave_owner
do $leave$
begin
  if not (select r.rolsuper from pg_roles as r where r.rolname = current_user) then
    revoke script_tracking_owner from current_user;
  end if;
end
$leave$

-- name: become_owner
set local role script_tracking_owner

-- name: become_installer
reset role

-- name: objects
-- What a code file made: the function, view or event trigger of the file's name.
select o.id, o.drop_statement
from (
  select p.oid as id, format('drop function %%s', p.oid::regprocedure) as drop_statement, p.proname as name
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname in ('script_tracking', 'script_tracking_internal')
  union all
  select c.oid, format('drop view %%s', c.oid::regclass), c.relname
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind = 'v'
  union all
  select e.oid, format('drop event trigger %%I', e.evtname), e.evtname
  from pg_event_trigger as e where e.evtname in ('et_ddl_command_start', 'et_ddl_command_end', 'et_sql_drop')
) as o
where o.name = regexp_replace(%(path)s, '^.*/|\.sql$', '', 'g')

-- name: record_migration
insert into script_tracking_internal.schema_migration (version, name, checksum, breaking, program_version)
values (%(version)s, %(name)s, %(checksum)s, %(breaking)s, %(program_version)s)

-- name: record_code
insert into script_tracking_internal.schema_code as c (path, checksum, program_version)
values (%(path)s, %(checksum)s, %(program_version)s)
on conflict (path) do update
set checksum = excluded.checksum, program_version = excluded.program_version, applied_at = clock_timestamp()

-- name: forget_one
delete from script_tracking_internal.schema_code where path = %(path)s

-- name: verify
select c.name, c.ok, c.detail
from (
  select 'event_trigger_' || w.name as name,
    coalesce((select e.evtenabled = 'A' and e.evtevent = w.event and e.evttags is null
         and n.nspname = 'script_tracking' and p.proname = w.function
         and (r.rolsuper or exists (select from pg_roles as a
           where a.rolname in ('rds_superuser', 'azure_pg_admin', 'cloudsqlsuperuser') and pg_has_role(r.oid, a.oid, 'member')))
       from pg_event_trigger as e join pg_proc as p on p.oid = e.evtfoid join pg_namespace as n on n.oid = p.pronamespace
       join pg_roles as r on r.oid = e.evtowner
       where e.evtname = w.name), false) as ok,
    'must stand, fire always and for every command, call ' || w.function || ' and belong to a superuser' as detail
  from (values ('et_ddl_command_start', 'ddl_command_start', 'event_trigger_ddl_start'),
    ('et_ddl_command_end', 'ddl_command_end', 'event_trigger_ddl_end'),
    ('et_sql_drop', 'sql_drop', 'event_trigger_sql_drop')) as w (name, event, function)
  union all
  -- Whoever created the role on a managed service has admin option on it from 16 on, and nothing else of it.
  select 'owner_has_no_members', not exists (
      select from pg_auth_members as m join pg_roles as o on o.oid = m.roleid join pg_roles as u on u.oid = m.member
      where o.rolname = 'script_tracking_owner' and not u.rolsuper
        and not (exists (select from pg_event_trigger as e where e.evtname = 'et_ddl_command_end' and e.evtowner = u.oid)
          and to_jsonb(m) ->> 'set_option' = 'false' and to_jsonb(m) ->> 'inherit_option' = 'false')),
    'a member of script_tracking_owner can take over the next superuser''s DDL'
  union all
  select 'roles_without_powers', (
      select count(*) = 5 and not bool_or(r.rolcanlogin or r.rolsuper or r.rolbypassrls or r.rolcreaterole
        or r.rolcreatedb or r.rolreplication)
      from pg_roles as r
      where r.rolname in ('script_tracking_owner', 'script_tracking_daemon', 'script_tracking_app',
                          'script_tracking_reader', 'script_tracking_auditor')),
    'the project''s five roles stand, are NOLOGIN and have no powers of their own'
  union all
  select 'objects_belong_to_owner', not exists (
      select from pg_namespace as n
      left join pg_class as c on c.relnamespace = n.oid left join pg_proc as p on p.pronamespace = n.oid
      where n.nspname in ('script_tracking', 'script_tracking_internal')
        and 'script_tracking_owner' <> any (array[pg_get_userbyid(n.nspowner),
          coalesce(pg_get_userbyid(c.relowner), 'script_tracking_owner'),
          coalesce(pg_get_userbyid(p.proowner), 'script_tracking_owner')])),
    'schemas, tables and functions belong to script_tracking_owner'
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
            when n.nspname = 'script_tracking' then array['read_visible r t {} '
              '(tenant_hk = ANY (( SELECT script_tracking_internal.visible_tenants() AS visible_tenants)::bytea[]))']
            when c.relname in ('schema_code', 'schema_migration') then array['read_ledger r t {} true']
            else array[]::text[] end),
    'every table has the released row-level security policies and no other'
  union all
  select 'append_only_triggers', not exists (
      select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      cross join lateral (
        select array_agg(concat_ws(' ', t.tgname, t.tgtype, nullif(encode(t.tgargs, 'escape'), ''),
          case when t.tgqual is not null then 'when' end) order by t.tgname) as found
        from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid join pg_namespace as f on f.oid = p.pronamespace
        where t.tgrelid = c.oid and t.tgenabled = 'A'
          and f.nspname = 'script_tracking_internal' and p.proname = 'protect_record') as f
      where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
        and c.relname ~ '^script_execution_[hs](_|$)'
        -- tgtype: 27 before update or delete of a row, 11 delete, 19 update, 34 before truncate; arguments end in a zero byte
        and f.found is distinct from case when c.relname ~ '^script_execution_h'
          then array['protect_rows 27', 'protect_truncate 34']
          else array['protect_deletes 11', 'protect_truncate 34', 'protect_updates 19 may_end\000'] end),
    'hub, satellite and every partition of them refuse change, under any replication role'
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
      where n.nspname in ('script_tracking', 'script_tracking_internal') and a.grantee = 0),
    'PUBLIC may use, read and call nothing'
) as c
order by 1

-- name: functions
select n.nspname || '.' || p.proname as name, p.prosrc as body, p.prosecdef as security_definer, p.proconfig as settings
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where n.nspname in ('script_tracking', 'script_tracking_internal')

-- name: drop_event_triggers
do $uninstall$
declare
  v_statement text;
begin
  for v_statement in
    select format('drop event trigger %I', e.evtname) from pg_event_trigger as e
    where e.evtname in ('et_ddl_command_start', 'et_ddl_command_end', 'et_sql_drop')
  loop
    execute v_statement;
  end loop;
end
$uninstall$;

-- name: forget_code
delete from script_tracking_internal.schema_code

-- name: drop_functions
do $drop$
declare
  v_statement text;
begin
  for v_statement in
    select format('drop view %s cascade', c.oid::regclass) from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = 'script_tracking_internal' and c.relkind = 'v'
    union all
    select format('drop function if exists %s cascade', p.oid::regprocedure) from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('script_tracking', 'script_tracking_internal') and p.proname <> 'protect_record'
  loop
    execute v_statement;
  end loop;
end
$drop$;

-- name: drop_everything
drop schema script_tracking, script_tracking_internal cascade

-- name: drop_roles
do $drop$
declare
  v_role text;
begin
  foreach v_role in array array['script_tracking_daemon', 'script_tracking_app', 'script_tracking_reader',
                                'script_tracking_auditor', 'script_tracking_owner']
  loop
    begin
      execute format('drop role if exists %I', v_role);
    exception when dependent_objects_still_exist then
      null;  -- another database of the cluster uses it
    end;
  end loop;
end
$drop$
