-- Statements of the installer.

-- name: lock
select pg_advisory_xact_lock(6001874101)

-- name: announce
select set_config('script_tracking_internal.installing', 'on', true), set_config('client_min_messages', 'warning', true),
  set_config('search_path', 'pg_catalog', true), set_config('lock_timeout', '10s', true),
  set_config('check_function_bodies', 'on', true)

-- name: has_ledger
select to_regclass('script_tracking_internal.schema_migration') is not null as present

-- name: applied_migrations
select version, name, checksum, breaking from script_tracking_internal.schema_migration order by version

-- name: applied_code
select path, checksum from script_tracking_internal.schema_code

-- name: privileges
select r.rolname as role_name, r.rolsuper as superuser,
  (select a.rolname from pg_roles as a
   where a.rolname in ('rds_superuser', 'azure_pg_admin', 'cloudsqlsuperuser')
     and pg_has_role(r.oid, a.oid, 'member') limit 1) as managed_admin
from pg_roles as r where r.rolname = current_user

-- name: join_owner
grant script_tracking_owner to current_user

-- name: leave_owner
revoke script_tracking_owner from current_user

-- name: become_owner
set local role script_tracking_owner

-- name: become_installer
reset role

-- name: record_migration
insert into script_tracking_internal.schema_migration (version, name, checksum, breaking, program_version)
values (%(version)s, %(name)s, %(checksum)s, %(breaking)s, %(program_version)s)

-- name: record_code
insert into script_tracking_internal.schema_code as c (path, checksum, program_version)
values (%(path)s, %(checksum)s, %(program_version)s)
on conflict (path) do update
set checksum = excluded.checksum, program_version = excluded.program_version, applied_at = clock_timestamp()

-- name: verify
select c.name, c.ok, c.detail
from (
  select 'event_trigger_' || w.name as name,
    coalesce((select e.evtenabled = 'A' and n.nspname = 'script_tracking' and p.proname = w.function and r.rolsuper
       from pg_event_trigger as e join pg_proc as p on p.oid = e.evtfoid join pg_namespace as n on n.oid = p.pronamespace
       join pg_roles as r on r.oid = e.evtowner
       where e.evtname = w.name), false) as ok,
    'must stand, fire always, call ' || w.function || ' and belong to a superuser' as detail
  from (values ('et_ddl_command_start', 'event_trigger_ddl_start'), ('et_ddl_command_end', 'event_trigger_ddl_end'),
    ('et_sql_drop', 'event_trigger_sql_drop')) as w (name, function)
  union all
  select 'owner_has_no_members', not exists (
      select from pg_auth_members as m join pg_roles as u on u.oid = m.member
      where m.roleid = 'script_tracking_owner'::regrole and not u.rolsuper),
    'a member of script_tracking_owner can take over the next superuser''s DDL'
  union all
  select 'roles_cannot_log_in', not exists (
      select from pg_roles as r where r.rolname like 'script\_tracking\_%' and r.rolcanlogin
        and r.rolname in ('script_tracking_owner', 'script_tracking_daemon', 'script_tracking_app',
                          'script_tracking_reader', 'script_tracking_auditor')),
    'the project''s roles are NOLOGIN'
  union all
  select 'functions_belong_to_owner', not exists (
      select from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname in ('script_tracking', 'script_tracking_internal')
        and p.proowner <> 'script_tracking_owner'::regrole),
    'every function belongs to script_tracking_owner'
  union all
  select 'row_security_forced', not exists (
      select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
        and not (c.relrowsecurity and c.relforcerowsecurity)),
    'row-level security is forced on every table and partition'
  union all
  select 'append_only_triggers', not exists (
      select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
        and c.relname ~ '^script_execution_[hs](_|$)'
        and (select count(*) from pg_trigger as t where t.tgrelid = c.oid and t.tgname like 'protect\_%' and t.tgenabled = 'A')
          < case when c.relname ~ '^script_execution_h' then 2 else 3 end),
    'hub, satellite and every partition of them refuse change, under any replication role'
  union all
  select 'public_has_no_rights', not exists (
      select from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname in ('script_tracking', 'script_tracking_internal') and has_function_privilege('public', p.oid, 'execute'))
    and not has_schema_privilege('public', 'script_tracking_internal', 'usage'),
    'PUBLIC may call nothing'
) as c
order by 1

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
