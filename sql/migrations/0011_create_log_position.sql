-- What the reader of the server's log works with: where it stands, and the errors that it has found. Mutable state; the
-- record itself is hub and satellite.

create table script_tracking_internal.log_position (
  singleton      boolean primary key default true check (singleton),
  incarnation    integer not null,
  log_format     text not null check (log_format in ('jsonlog', 'csvlog')),
  file_name      text not null,
  read_to        bigint not null check (read_to >= 0),
  mark           bytea not null,
  mark_length    integer not null check (mark_length between 0 and 256),
  modified_at    timestamptz not null,
  bytes_behind   bigint not null,
  unparsed_lines bigint not null default 0,
  gaps           bigint not null default 0,
  read_at        timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
comment on table script_tracking_internal.log_position is 'How far the server''s log was read; no row before the first time';
comment on column script_tracking_internal.log_position.mark is
  'sha256 of the last mark_length bytes before read_to: whether the file is still the one that was read';
comment on column script_tracking_internal.log_position.modified_at is
  'When the file was last written, as far as seen: files written later are the next ones';
comment on column script_tracking_internal.log_position.gaps is
  'How often the file was gone or cut short before it was read to its end';

create table script_tracking_internal.log_error (
  session_id    text not null,
  line          bigint not null,
  logged_at     timestamptz not null,
  session_start timestamptz not null,
  pid           integer not null,
  entry         jsonb not null,
  seen_at       timestamptz not null default clock_timestamp(),
  noted_lsn     pg_lsn not null default pg_current_wal_insert_lsn(),
  settled_at    timestamptz,
  primary key (session_id, line)
);
comment on table script_tracking_internal.log_error is
  'Errors of DDL found in the server''s log, redacted; kept for a day after they were settled, so that none counts twice';
comment on column script_tracking_internal.log_error.settled_at is
  'When its attempt, or a record of its own, had taken it over';
comment on column script_tracking_internal.log_error.noted_lsn is
  'Where the write-ahead log ended when this was noted: the attempt, if there is one, stands before it';
create index idx_log_error_unsettled on script_tracking_internal.log_error (logged_at) where settled_at is null;

create index idx_attempt_without_end on script_tracking_internal.attempt (pid, started_at) where ended_at is null;

do $secure$
declare
  v_table regclass;
begin
  foreach v_table in array array[
    'script_tracking_internal.log_position', 'script_tracking_internal.log_error']::regclass[]
  loop
    execute format('alter table %s enable row level security', v_table);
    execute format('alter table %s force row level security', v_table);
    execute format(
      'create policy owner_all on %s to script_tracking_owner using (true) with check (true)', v_table);
  end loop;
end
$secure$;
