-- What is derived from the record, and can be built anew from it: links of executions to objects and to parents, hub and
-- names of objects, users. Filled by upkeep (code/links/derive_links.sql), never by what is tracked. docs/vault.md tells why
-- it looks as it does.

-- Hub and names are small, and stay when the record that they were found in is removed.
create table script_tracking.database_object_h (
  object_hk     bytea primary key,
  object_bk     varchar not null,
  load_date     timestamptz not null,
  record_source varchar not null,
  incarnation   integer not null,
  class_id      oid not null,
  object_id     oid not null
);
comment on table script_tracking.database_object_h is
  'Hub of database objects: one row for each object that a record names; what is dropped and created anew is another one';
comment on column script_tracking.database_object_h.object_hk is 'sha256 of the business key''s UTF-8 bytes';
comment on column script_tracking.database_object_h.object_bk is 'Catalog, oid and incarnation of the cluster, joined by slashes';
comment on column script_tracking.database_object_h.load_date is 'Start of the first execution that touched it';

create table script_tracking.database_object_name_s (
  object_hk    bytea not null,
  tenant_hk    bytea not null,
  identity     varchar not null,
  object_type  varchar not null,
  load_date    timestamptz not null,
  last_seen_at timestamptz not null,
  dropped_at   timestamptz,
  primary key (object_hk, tenant_hk, identity)
) with (fillfactor = 80);
comment on table script_tracking.database_object_name_s is
  'Multi-active satellite of objects: each name by which a tenant''s records know one';
comment on column script_tracking.database_object_name_s.load_date is 'Start of the first execution that named it so';
comment on column script_tracking.database_object_name_s.last_seen_at is 'When the last record that named it so was written';
comment on column script_tracking.database_object_name_s.dropped_at is 'When the record of its drop under this name was written';
create index idx_database_object_name_s_identity on script_tracking.database_object_name_s (identity);

create table script_tracking_internal.execution_user (
  tenant_hk     bytea not null,
  user_bk       varchar not null,
  load_date     timestamptz not null,
  record_source varchar not null,
  primary key (tenant_hk, user_bk)
);
comment on table script_tracking_internal.execution_user is 'Who has executed anything, by tenant; shown by the view user_h';

-- Links carry keys of 12 bytes in place of the object's hash, which the views reckon; and no more indexes than questions.
create table script_tracking.script_execution_object (
  execution_timestamp timestamptz not null,
  load_date           timestamptz not null,
  object_id           oid not null,
  class_id            oid not null,
  incarnation         integer not null,
  script_execution_hk bytea not null
) partition by range (execution_timestamp);
comment on table script_tracking.script_execution_object is
  'Link of an execution to each object that it touched; shown by the view script_execution_object_l';
create index idx_script_execution_object_object on script_tracking.script_execution_object (object_id, load_date);

create table script_tracking.script_execution_parent (
  execution_timestamp timestamptz not null,
  script_execution_hk bytea not null,
  parent_hk           bytea not null
) partition by range (execution_timestamp);
comment on table script_tracking.script_execution_parent is
  'Link of an execution to the one that it is part of, where there is one; shown by the view script_execution_parent_l';
create index idx_script_execution_parent_parent on script_tracking.script_execution_parent using hash (parent_hk);

create table script_tracking_internal.links_state (
  singleton   boolean primary key default true check (singleton),
  incarnation integer not null,
  horizon     xid8 not null,
  derived_at  timestamptz not null
);
comment on table script_tracking_internal.links_state is
  'Links hold every final version of an earlier incarnation, and of this one those of transactions below the horizon';
insert into script_tracking_internal.links_state (incarnation, horizon, derived_at)
values (1, '0'::xid8, clock_timestamp());

create table script_tracking_internal.vault_check_place (
  singleton       boolean primary key default true check (singleton),
  pass_started_at timestamptz,
  relation        text,
  partition_id    oid,
  block           bigint,
  moved_at        timestamptz
);
comment on table script_tracking_internal.vault_check_place is
  'How far the check of the vault has come in its pass; no relation between passes';
insert into script_tracking_internal.vault_check_place default values;

create table script_tracking_internal.vault_check_result (
  check_name      text primary key,
  checked         bigint not null default 0,
  violations      bigint not null default 0,
  example         text,
  last_checked    bigint,
  last_violations bigint,
  last_example    text,
  last_pass_at    timestamptz
);
comment on table script_tracking_internal.vault_check_result is
  'What the current pass of vault_check has found so far, and what the last whole one found';

do $secure$
declare
  v_table text;
begin
  foreach v_table in array array[
    'script_tracking.database_object_h', 'script_tracking.database_object_name_s',
    'script_tracking_internal.execution_user', 'script_tracking.script_execution_object',
    'script_tracking.script_execution_parent', 'script_tracking_internal.links_state',
    'script_tracking_internal.vault_check_place', 'script_tracking_internal.vault_check_result']
  loop
    execute format('alter table %s enable row level security', v_table);
    execute format('alter table %s force row level security', v_table);
    execute format('create policy owner_all on %s to script_tracking_owner using (true) with check (true)', v_table);
  end loop;
end
$secure$;
