-- Mutable state beside the record: running operations, cumulative totals, counters of what went wrong.

create table script_tracking_internal.running_operation (
  script_execution_hk bytea primary key,
  tenant_hk           bytea not null,
  script_type         varchar not null,
  execution_timestamp timestamptz not null,
  started_by          name not null,
  pid                 integer not null default pg_backend_pid(),
  heartbeat_at        timestamptz not null,
  backend_start       timestamptz,
  gone_since          timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
comment on table script_tracking_internal.running_operation is
  'Operations that were begun and not completed; deleting the row is the right to write the final version';
comment on column script_tracking_internal.running_operation.heartbeat_at is
  'The start, until a heartbeat: from the first on, heartbeats alone say whether the operation lives';
comment on column script_tracking_internal.running_operation.backend_start is
  'Start of the session that began the operation, once upkeep has seen it: tells it from a later one with the same pid';
comment on column script_tracking_internal.running_operation.gone_since is
  'When upkeep first saw that this session is gone';

insert into script_tracking_internal.setting (name, value, description) values
  ('operation.interrupted_after_seconds', '300',
   'An operation becomes INTERRUPTED so long after its last heartbeat or, without any, after its session was seen gone');

create table script_tracking_internal.operation_total (
  tenant_hk   bytea not null,
  script_type varchar not null,
  status      varchar not null,
  error_class text not null,
  bucket      smallint not null,
  operations  bigint not null,
  duration_us numeric not null,
  tracking_us numeric not null,
  primary key (tenant_hk, script_type, status, error_class, bucket)
) with (fillfactor = 70);
comment on table script_tracking_internal.operation_total is
  'Cumulative totals of final versions up to the horizon in rollup_state';
comment on column script_tracking_internal.operation_total.error_class is
  'First two characters of the SQLSTATE, unknown where a failure has none, empty where nothing failed';
comment on column script_tracking_internal.operation_total.bucket is
  'Index of the duration bucket, see script_tracking_internal.duration_bounds; 0 where the duration is not known';

create table script_tracking_internal.operation_total_carried
  (like script_tracking_internal.operation_total including all);
comment on table script_tracking_internal.operation_total_carried is
  'Share of the totals whose rows were removed with their partition; totals = carried + rows';

create table script_tracking_internal.rollup_state (
  singleton    boolean primary key default true check (singleton),
  horizon      xid8 not null,
  rolled_up_at timestamptz not null
);
comment on table script_tracking_internal.rollup_state is
  'Every version written by a transaction below horizon is in operation_total, none at or above it';
insert into script_tracking_internal.rollup_state (horizon, rolled_up_at) values ('0'::xid8, clock_timestamp());

-- Logged sequences: they count although the transaction that counts may roll back.
create sequence script_tracking_internal.lost_record_seq;
create sequence script_tracking_internal.temporary_ddl_seq;
create sequence script_tracking_internal.refused_claim_seq;
comment on sequence script_tracking_internal.lost_record_seq is 'DDL that went through although its record could not be written';
comment on sequence script_tracking_internal.temporary_ddl_seq is 'DDL on temporary objects only, which is counted and not recorded';
comment on sequence script_tracking_internal.refused_claim_seq is 'DDL whose session claimed a tenant that it is no member of';
