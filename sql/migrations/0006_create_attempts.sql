-- What the capture of failed and rolled back DDL works with: attempts that were announced outside their transaction, and
-- where the reader stands. Mutable state, all of it; the record itself is hub and satellite.

create table script_tracking_internal.attempt (
  attempt_id    text primary key,
  started_at    timestamptz not null,
  pid           integer not null,
  tag           text not null,
  payload       jsonb not null,
  end_xid       xid8,
  ended_at      timestamptz,
  skipped       text,
  sqlstate      text,
  error_message text,
  log_evidence  jsonb,
  failed_at     timestamptz,
  past_at       timestamptz,
  past_lsn      pg_lsn,
  gone          boolean not null default false,
  verdict       text,
  verdict_note  text,
  judged_at     timestamptz,
  recorded_at   timestamptz,
  incarnation   integer not null,
  seen_at       timestamptz not null default clock_timestamp()
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
comment on table script_tracking_internal.attempt is
  'DDL attempts announced by ddl_command_start, until some hours after they were judged';
comment on column script_tracking_internal.attempt.end_xid is
  'Transaction in which ddl_command_end announced the end; what becomes of it decides';
comment on column script_tracking_internal.attempt.skipped is
  'Why an attempt that succeeded has no record: by design, or "lost: " and the SQLSTATE that kept it from being written';
comment on column script_tracking_internal.attempt.failed_at is 'When it failed, by the server''s log; milliseconds';
comment on column script_tracking_internal.attempt.past_lsn is
  'Without an end: when the statement was seen to be over the log reached to here; once read so far, there is no end';
comment on column script_tracking_internal.attempt.gone is 'Whether its session had ended when the statement was seen to be over';
comment on column script_tracking_internal.attempt.verdict is
  'COMPLETED, FAILED, ROLLED_BACK, INTERRUPTED, SKIPPED or LOST; NULL while open';

comment on column script_tracking_internal.attempt.recorded_at is 'When its record was written, or found to be complete';

create index idx_attempt_open on script_tracking_internal.attempt (pid, started_at) where verdict is null;
create index idx_attempt_judged on script_tracking_internal.attempt (judged_at) where verdict is not null;
create index idx_attempt_unrecorded on script_tracking_internal.attempt (judged_at)
  where recorded_at is null and verdict in ('FAILED', 'INTERRUPTED', 'ROLLED_BACK');

create table script_tracking_internal.capture_state (
  singleton          boolean primary key default true check (singleton),
  slot_wanted        boolean not null default true,
  slot_bound         bigint not null default 1073741824,
  level_reached      smallint not null default 1,
  lacks              text not null default 'probe',
  missing            text[] not null default '{}',
  probed_at          timestamptz,
  read_lsn           pg_lsn,
  slots_dropped      bigint not null default 0,
  slot_dropped_at    timestamptz,
  slot_dropped_bytes bigint,
  slot_drop_reason   text,
  slot_failed_at     timestamptz,
  slot_failure       text
);
comment on table script_tracking_internal.capture_state is
  'One row: what the exporter was configured to capture with, what was found to be missing, how far the log was read';
comment on column script_tracking_internal.capture_state.level_reached is
  'Highest level since the configuration last changed (1 basic, 2 failures, 3 full); below it, health warns';
comment on column script_tracking_internal.capture_state.lacks is 'In one word, what keeps the level from being higher';
comment on column script_tracking_internal.capture_state.slots_dropped is
  'How often a slot that was wanted was dropped: it held back too much, the server had invalidated it, it could not be read';
insert into script_tracking_internal.capture_state default values;

create table script_tracking_internal.capture_reading (
  read_at  timestamptz primary key,
  next_xid xid8 not null,
  bad_ends bigint not null,
  lost     bigint not null
);
comment on table script_tracking_internal.capture_reading is
  'Counters as they were when they changed, at least one before the oldest open attempt: judging compares with them';
comment on column script_tracking_internal.capture_reading.bad_ends is 'Sessions of this database that were killed or ended by a fatal error';

-- Logged, so that it counts although the transaction that counts may roll back.
create sequence script_tracking_internal.refused_message_seq;
comment on sequence script_tracking_internal.refused_message_seq is
  'Messages in the write-ahead log under the event triggers'' prefix that somebody else emitted';

do $secure$
declare
  v_table regclass;
begin
  foreach v_table in array array['script_tracking_internal.attempt', 'script_tracking_internal.capture_state',
    'script_tracking_internal.capture_reading']::regclass[]
  loop
    execute format('alter table %s enable row level security', v_table);
    execute format('alter table %s force row level security', v_table);
    execute format('create policy owner_all on %s to script_tracking_owner using (true) with check (true)', v_table);
  end loop;
end
$secure$;
