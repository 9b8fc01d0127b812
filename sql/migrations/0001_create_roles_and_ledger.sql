-- run-as: installer
-- The five roles, the two schemas and the ledger in which the installer writes what it has applied.

-- Roles belong to the cluster, so installers in several databases may race for them.
do $roles$
declare
  v_role    text;
  v_timeout text := current_setting('lock_timeout');
begin
  -- where another database's installer makes the role, this one waits until that has ended; nobody waits for this one yet
  perform set_config('lock_timeout', '120s', true);
  foreach v_role in array array[
    'script_tracking_owner', 'script_tracking_daemon', 'script_tracking_app',
    'script_tracking_reader', 'script_tracking_auditor']
  loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      begin
        execute format('create role %I nologin', v_role);
      exception when duplicate_object or unique_violation then
        null;  -- another database's installer was first
      end;
    end if;
  end loop;
  perform set_config('lock_timeout', v_timeout, true);
  -- a superuser may act as anybody; a managed service's admin has to be a member until the installer's last step
  if not (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user) then
    grant script_tracking_owner to current_user;
  end if;
end
$roles$;

-- Not "if not exists": a schema of that name would be somebody else's.
create schema script_tracking authorization script_tracking_owner;
create schema script_tracking_internal authorization script_tracking_owner;
comment on schema script_tracking is
  'Record of every DDL statement and declared operation: what users call and query';
comment on schema script_tracking_internal is
  'Helpers and state of script_tracking; not an interface';

set local role script_tracking_owner;

create table script_tracking_internal.schema_migration (
  version         integer primary key,
  name            text not null,
  checksum        text not null,
  breaking        boolean not null default false,
  program_version text not null,
  applied_at      timestamptz not null default clock_timestamp(),
  applied_by      text not null default session_user
);
comment on table script_tracking_internal.schema_migration is
  'Numbered migrations that were applied; checksum is the sha256 of the file with newlines normalised';

create table script_tracking_internal.schema_code (
  path            text primary key,
  checksum        text not null,
  program_version text not null,
  applied_at      timestamptz not null default clock_timestamp()
);
comment on table script_tracking_internal.schema_code is
  'Re-creatable code that was applied; a file is applied again only when its checksum differs';

reset role;
