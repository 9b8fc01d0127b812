-- Tenants, who belongs to them, settings, and the one row that says which installation this is.

create table script_tracking.tenant_h (
  tenant_hk     bytea primary key,
  tenant_bk     varchar not null unique,
  load_date     timestamptz not null default clock_timestamp(),
  record_source varchar not null
);
comment on table script_tracking.tenant_h is 'Hub of tenants';
comment on column script_tracking.tenant_h.tenant_hk is
  'sha256 of the code''s UTF-8 bytes, or the host application''s own key as given to register_tenant';
comment on column script_tracking.tenant_h.tenant_bk is 'Readable code; the tenant label of every metric';

create table script_tracking_internal.tenant_membership (
  tenant_hk  bytea not null references script_tracking.tenant_h,
  role       regrole not null,
  granted_at timestamptz not null default clock_timestamp(),
  granted_by text not null default session_user,
  primary key (tenant_hk, role)
);
comment on table script_tracking_internal.tenant_membership is
  'Which role may write for and read of which tenant; members of the role inherit it';

create table script_tracking_internal.setting (
  name        text primary key,
  value       text not null,
  description text not null,
  changed_at  timestamptz not null default clock_timestamp()
);
comment on table script_tracking_internal.setting is 'Settings of the record; changed by a superuser only';

insert into script_tracking_internal.setting (name, value, description) values
  ('partitions.ahead', '3', 'Monthly partitions kept ready ahead of the current one'),
  ('retention.disposable', 'none',
   'What cleanup_old_data may remove while there is no archive: none, or all records past the retention'),
  ('sql_command.max_characters', '16384',
   'Statements are cut at this length after redaction; full length and sha256 stay in metadata');

create table script_tracking_internal.installation (
  singleton         boolean primary key default true check (singleton),
  incarnation       integer not null default 1,
  system_identifier text not null,
  database_oid      oid not null,
  record_source     text not null,
  state_key         bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  capture_level     text not null default 'basic' check (capture_level in ('basic', 'failures', 'full')),
  installed_at      timestamptz not null default clock_timestamp()
);
comment on table script_tracking_internal.installation is
  'One row: the incarnation of this cluster and the record_source prefix (cluster/database)';
comment on column script_tracking_internal.installation.state_key is
  'Authenticates what the event triggers hand to each other in session settings, which anybody can write';
comment on column script_tracking_internal.installation.incarnation is
  'Rises when the data is found in another cluster or database or with an older transaction counter; xids compare only within one';

insert into script_tracking_internal.installation (system_identifier, database_oid, record_source)
select c.system_identifier::text, d.oid,
       coalesce(nullif(current_setting('cluster_name'), ''), c.system_identifier::text) || '/' || d.datname
from pg_catalog.pg_control_system() as c, pg_catalog.pg_database as d
where d.datname = current_database();

insert into script_tracking.tenant_h (tenant_hk, tenant_bk, record_source)
select sha256('system'::bytea), 'system', i.record_source || '/installer/v1'
from script_tracking_internal.installation as i;
