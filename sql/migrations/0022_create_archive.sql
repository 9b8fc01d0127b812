-- What of the record was archived before it goes, and whether it has to be.

create table script_tracking_internal.partition_archive (
  archive_id     bigint generated always as identity primary key,
  relation       name not null,
  partition_name name not null,
  lower_bound    timestamptz not null,
  upper_bound    timestamptz not null,
  incarnation    integer not null,
  horizon        xid8 not null,
  row_count      bigint not null check (row_count >= 0),
  file_name      text not null check (file_name <> ''),
  file_bytes     bigint not null check (file_bytes > 0),
  file_sha256    bytea not null check (octet_length(file_sha256) = 32),
  place          text not null,
  schema_version integer not null,
  archived_at    timestamptz not null default clock_timestamp(),
  archived_by    name not null default session_user
);
comment on table script_tracking_internal.partition_archive is
  'Ledger of archives, append-only: each file that holds a partition of hub or satellite as it was when nothing could be written to it any more';
comment on column script_tracking_internal.partition_archive.horizon is
  'A version of this incarnation whose transaction is not below it came after the archive';
comment on column script_tracking_internal.partition_archive.place is 'Host and folder of the exporter that wrote the file';
create index idx_partition_archive_upper_bound on script_tracking_internal.partition_archive (upper_bound);

alter table script_tracking_internal.partition_archive enable row level security;
alter table script_tracking_internal.partition_archive force row level security;
create policy owner_all on script_tracking_internal.partition_archive to script_tracking_owner using (true) with check (true);

alter table script_tracking_internal.retention_state add column archive_asked_at timestamptz;
comment on column script_tracking_internal.retention_state.archive_asked_at is
  'When an exporter that is configured to archive asked last whether it may';

insert into script_tracking_internal.setting (name, value, description) values
  ('retention.archive', 'off',
   'on: a partition past retention and holds goes once an exporter has archived it, and exporters may read it for that; off: none is archived');
update script_tracking_internal.setting
set description = 'What may be removed past retention and holds: none, or all (where retention.archive is on: once it is archived)'
where name = 'retention.disposable';
alter table script_tracking_internal.setting
  add constraint setting_retention_archive check (name <> 'retention.archive' or value in ('off', 'on'));
