-- Statements of the installer.

-- name: isolate
set transaction isolation level read committed, read write

-- name: announce
-- Before the lock is waited for: whoever connects brings a lock_timeout and a search_path of their own.
select pg_catalog.set_config('search_path', 'pg_catalog', true), pg_catalog.set_config('lock_timeout', '120s', true),
  pg_catalog.set_config('script_tracking_internal.installing', 'on', true),
  pg_catalog.set_config('script_tracking_internal.installer', current_user, true),
  pg_catalog.set_config('client_min_messages', 'warning', true),
  pg_catalog.set_config('check_function_bodies', 'on', true), pg_catalog.set_config('row_security', 'on', true),
  pg_catalog.set_config('quote_all_identifiers', 'off', true), pg_catalog.set_config('plpgsql.extra_errors', 'none', true),
  pg_catalog.set_config('jit', 'off', true), pg_catalog.set_config('statement_timeout', '0', true),
  pg_catalog.set_config('idle_in_transaction_session_timeout', '60s', true)

-- name: lock
-- Anybody can hold this lock, so only those are waited for who may install. Past somebody else's the table keeps
-- installers apart and, at a first installation, the catalog: one of them fails as a whole.
do $lock$
declare
  v_until  timestamptz := clock_timestamp() + current_setting('lock_timeout')::interval;
  v_holder record;
begin
  while not pg_try_advisory_xact_lock(6001874101) loop
    select l.pid, r.rolname, coalesce(r.rolsuper or exists (
        select from pg_roles as a
        where a.rolname in ('rds_superuser', 'azure_pg_admin', 'cloudsqlsuperuser') and pg_has_role(r.oid, a.oid, 'member'))
      or r.oid = (select p.proowner from pg_proc as p where p.oid = to_regprocedure('script_tracking_internal.sessions()')),
      false) as may_install
    into v_holder
    from pg_locks as l
    left join pg_stat_activity as s on s.pid = l.pid left join pg_roles as r on r.oid = s.usesysid
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
      and l.classid = 6001874101 >> 32 and l.objid = 6001874101 & 4294967295
    order by may_install desc
    limit 1;
    if found and not v_holder.may_install then
      raise warning 'the lock of installations is held by process % (%), which may not install: it is not waited for',
        v_holder.pid, v_holder.rolname;
      if to_regclass('script_tracking_internal.schema_migration') is not null
        and (select r.rolsuper from pg_roles as r where r.rolname = current_user)
      then
        lock table script_tracking_internal.schema_migration in share row exclusive mode;
      end if;
      exit;
    elsif clock_timestamp() > v_until then
      raise exception using errcode = 'lock_not_available', message = format(
        'process %s (%s) has been installing or uninstalling for long', v_holder.pid, v_holder.rolname);
    end if;
    perform pg_sleep(0.05);
  end loop;
end
$lock$

-- name: lock_upkeep
-- Upkeep goes by a lock that only the owner can take; before a first installation there is none.
lock table script_tracking_internal.schema_migration in share row exclusive mode

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

-- name: glance
-- The same two tables in one row, for whoever asks again and again. {known}: the newest migration that the program
-- knows; digest: of all checksums, as the program makes it.
select m.version, m.breaking, c.lines is not null as whole,
  encode(sha256(convert_to(concat_ws(E'\n', m.lines, c.lines), 'UTF8')), 'hex') as digest
from (
  select coalesce(max(a.version), 0) as version, coalesce(bool_or(a.breaking and a.version > {known}), false) as breaking,
    string_agg(a.version || ' ' || a.checksum, E'\n' order by a.version) as lines
  from script_tracking_internal.schema_migration as a) as m,
  (select string_agg(a.path || ' ' || a.checksum, E'\n' order by a.path collate "C") as lines
   from script_tracking_internal.schema_code as a) as c

-- name: privileges
select r.rolname as role_name, r.rolsuper as superuser, pg_is_in_recovery() as standby,
  (select a.rolname from pg_roles as a
   where a.rolname in ('rds_superuser', 'azure_pg_admin', 'cloudsqlsuperuser')
     and pg_has_role(r.oid, a.oid, 'member') limit 1) as managed_admin,
  -- what an installation makes as the installing role
  exists (select from pg_proc as p
    where p.oid = to_regprocedure('script_tracking_internal.sessions()') and p.proowner = r.oid) as installed_it
from pg_roles as r where r.rolname = current_user

-- name: guard_owner
-- A role of this name that somebody made or changed: it would own functions that run within a superuser's DDL.
do $guard$
declare
  v_found text;
begin
  select string_agg(format('%I', u.rolname), ', ' order by u.rolname) into v_found
  from pg_auth_members as m join pg_roles as o on o.oid = m.roleid join pg_roles as u on u.oid = m.member
  where o.rolname = 'script_tracking_owner' and not u.rolsuper and u.rolname <> current_user
    and not (coalesce((select e.evtowner = u.oid from pg_event_trigger as e where e.evtname = 'et_ddl_command_end'), true)
      and (to_jsonb(m) ->> 'set_option' = 'false' and to_jsonb(m) ->> 'inherit_option' = 'false') is true);
  if v_found is not null then
    raise exception using errcode = 'object_not_in_prerequisite_state', message = format(
      'members of script_tracking_owner could take over a superuser''s DDL; first run: revoke script_tracking_owner from %s',
      v_found);
  end if;
  select string_agg(a.attribute, ' ' order by a.place) into v_found
  from pg_roles as r
  cross join lateral (values (1, r.rolcanlogin, 'LOGIN'), (2, r.rolsuper, 'SUPERUSER'), (3, r.rolbypassrls, 'BYPASSRLS'),
    (4, r.rolcreaterole, 'CREATEROLE'), (5, r.rolcreatedb, 'CREATEDB'), (6, r.rolreplication, 'REPLICATION'))
    as a (place, has, attribute)
  where r.rolname = 'script_tracking_owner' and a.has;
  if v_found is not null then
    raise exception using errcode = 'object_not_in_prerequisite_state', message = format(
      'script_tracking_owner has %s and must have no powers; first run: alter role script_tracking_owner %s',
      v_found, regexp_replace(lower(v_found), '(\w+)', 'no\1', 'g'));
  end if;
end
$guard$

-- name: published
-- Publications that new tables are in at once, where somebody reads any: an apply worker that gets a row of a table
-- which its database lacks stops for good. A slot is all that a publisher knows of its subscribers.
select string_agg(format('%I', p.pubname), ', ' order by p.pubname) as names
from pg_publication as p
where p.puballtables and exists (
  select from pg_replication_slots as s
  where s.database = current_database() and s.plugin = 'pgoutput' and s.slot_name not like 'script\_tracking%')

-- name: join_owner
-- A superuser may act as anybody; a managed service's admin has to be a member meanwhile.
do $join$
begin
  if not (select r.rolsuper from pg_roles as r where r.rolname = current_user) then
    grant script_tracking_owner to current_user;
  end if;
end
$join$

-- name: note_event_triggers
-- Whether the database is to have event triggers, for this and later installations.
insert into script_tracking_internal.setting as s (name, value, description)
values ('capture.event_triggers', %(value)s, 'off where the schema was installed without event triggers')
on conflict (name) do update set value = excluded.value, changed_at = clock_timestamp() where s.value <> excluded.value

-- name: note_installer
-- To whom belongs what needs the installing role's rights: without event triggers, as in a pause, nothing else tells.
insert into script_tracking_internal.setting as s (name, value, description)
select 'capture.installed_by', r.rolname, 'The role that installed the schema, where that is no superuser'
from pg_roles as r where r.rolname = current_setting('script_tracking_internal.installer') and not r.rolsuper
on conflict (name) do update set value = excluded.value, changed_at = clock_timestamp() where s.value <> excluded.value

-- name: forget_installer
delete from script_tracking_internal.setting as s using pg_roles as r
where s.name = 'capture.installed_by' and r.rolname = current_setting('script_tracking_internal.installer') and r.rolsuper

-- name: installed_as
-- Tells the transaction, for the statements that verify, and the program.
select script_tracking_internal.event_triggers_wanted() as event_triggers,
  set_config('script_tracking_internal.installed_by', coalesce(script_tracking_internal.installing_role(), ''), true) as installed_by

-- name: join_daemon
-- A managed service's admin reads the ledger from here on by what the daemon may, or no later installation knew what stands.
do $join$
begin
  if not pg_has_role(current_user, 'script_tracking_daemon', 'usage') then
    grant script_tracking_daemon to current_user;
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
-- What a code file made: the function or view of the file's name.
select o.id, o.drop_statement
from (
  select p.oid as id, format('drop function %%s', p.oid::regprocedure) as drop_statement, p.proname as name
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname in ('script_tracking', 'script_tracking_internal')
    or n.nspname = 'auth' and pg_get_userbyid(p.proowner) = 'script_tracking_owner'
  union all
  select n.oid, 'drop schema auth', 'auth_schema' from pg_namespace as n
  where n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner'
  union all
  select c.oid, format('drop view %%s', c.oid::regclass), c.relname
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind = 'v'
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

-- name: pause
select p.paused_at, p.paused_by, p.reason from script_tracking_internal.pause_state() as p

-- name: storage
select * from script_tracking_internal.storage_report()
