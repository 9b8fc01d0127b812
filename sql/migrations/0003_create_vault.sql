-- Hub and satellite of executions, range-partitioned on the start of the attempt.
-- The hub's load_date equals the satellite's execution_timestamp, so both tables share their partition bounds.
-- No foreign key from satellite to hub: detaching a partition of the hub would read every reference to it under its
-- lock, and each operation would pay for a check of what one function writes (docs/compatibility.md).

create sequence script_tracking_internal.execution_version_seq;

create table script_tracking.script_execution_h (
  script_execution_hk bytea not null,
  script_execution_bk varchar not null,
  tenant_hk           bytea not null,
  load_date           timestamptz not null,
  record_source       varchar not null,
  primary key (script_execution_hk, load_date)
) partition by range (load_date);
comment on table script_tracking.script_execution_h is 'Hub: one row for each attempt of a DDL statement or operation';
comment on column script_tracking.script_execution_h.script_execution_hk is 'sha256 of the business key''s UTF-8 bytes';
comment on column script_tracking.script_execution_h.script_execution_bk is
  'script_name, UTC start and 128 random bits, joined by underscores';
comment on column script_tracking.script_execution_h.load_date is 'Start of the attempt';

create table script_tracking.script_execution_s (
  script_execution_hk   bytea not null,
  load_date             timestamptz not null,
  load_end_date         timestamptz,
  hash_diff             bytea not null,
  version_number        bigint not null default nextval('script_tracking_internal.execution_version_seq'),
  script_name           varchar not null,
  script_type           varchar not null,
  execution_status      varchar not null,
  execution_timestamp   timestamptz not null,
  execution_duration_ms integer,
  db_session_user       varchar not null default session_user,
  client_ip             inet default inet_client_addr(),
  affected_objects      text[],
  sql_command           text,
  error_message         text,
  metadata              jsonb not null,
  record_source         varchar not null,
  tenant_hk             bytea not null,
  xid                   xid8 not null default pg_current_xact_id(),
  incarnation           integer not null,
  primary key (script_execution_hk, load_date, execution_timestamp)
) partition by range (execution_timestamp);
comment on table script_tracking.script_execution_s is
  'Satellite: one row for each version of an execution; the current one has no load_end_date';
comment on column script_tracking.script_execution_s.load_date is 'When this version was recorded';
comment on column script_tracking.script_execution_s.load_end_date is 'When the next version replaced this one';
comment on column script_tracking.script_execution_s.hash_diff is
  'sha256 over the descriptive fields as a JSON array; see script_tracking_internal.hash_diff';
comment on column script_tracking.script_execution_s.version_number is 'From a sequence: rises with every version of any execution';
comment on column script_tracking.script_execution_s.execution_timestamp is 'Start of the attempt, the same in every version';
comment on column script_tracking.script_execution_s.execution_duration_ms is
  'Whole milliseconds, saturating at 2147483647; microseconds are in metadata.duration_us';
comment on column script_tracking.script_execution_s.sql_command is 'Client statement after redaction and cutting';
comment on column script_tracking.script_execution_s.xid is 'Transaction that wrote this version; readers go by its horizon';
comment on column script_tracking.script_execution_s.incarnation is 'Cluster incarnation in which xid counts';

-- Partial, all of them: the version that a new one replaces leaves them, instead of being entered in them once more.
-- What runs is found by the state table, so that to begin an operation costs two entries less.
create index idx_script_execution_s_tenant_status
  on script_tracking.script_execution_s (tenant_hk, execution_status)
  where load_end_date is null and execution_status <> 'RUNNING';
create index idx_script_execution_s_type_status
  on script_tracking.script_execution_s (script_type, execution_status)
  where load_end_date is null and execution_status <> 'RUNNING';
-- One current version for a key: also the mutex that makes loading idempotent. The time comes first, so that one index serves
-- what is sought by time as well: entries that arrive in order fill its last page and never split the others, where a hash
-- key would go to a page of its own each time. Ascending, and read backward.
create unique index idx_script_execution_s_timestamp
  on script_tracking.script_execution_s (execution_timestamp, script_execution_hk) where load_end_date is null;
create index idx_script_execution_s_duration
  on script_tracking.script_execution_s (execution_duration_ms)
  where load_end_date is null and execution_duration_ms is not null;
-- For readers that go by the transaction horizon; RUNNING versions are never counted.
create index idx_script_execution_s_xid
  on script_tracking.script_execution_s (xid) where execution_status <> 'RUNNING';

do $compression$
begin
  alter table script_tracking.script_execution_s
    alter column metadata set compression lz4,
    alter column sql_command set compression lz4,
    alter column error_message set compression lz4;
exception when feature_not_supported then
  null;  -- a server built without lz4 keeps pglz
end
$compression$;

-- Until the installer's last step splits them by month, one partition takes everything.
create table script_tracking_internal.script_execution_h_first
  (like script_tracking.script_execution_h including all);
alter table script_tracking.script_execution_h
  attach partition script_tracking_internal.script_execution_h_first for values from (minvalue) to (maxvalue);
create table script_tracking_internal.script_execution_s_first
  (like script_tracking.script_execution_s including all);
alter table script_tracking.script_execution_s
  attach partition script_tracking_internal.script_execution_s_first for values from (minvalue) to (maxvalue);
