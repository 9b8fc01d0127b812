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
  past_at       timestamptz,
  past_lsn      pg_lsn,
  gone          boolean not null default false,
  verdict       text,
  judged_at     timestamptz,
  incarnation   integer not null,
  seen_at       timestamptz not null default clock_timestamp()
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
comment on table script_tracking_internal.attempt is
  'DDL attempts announced by ddl_command_start, until some hours after they were judged';
comment on column script_tracking_internal.attempt.end_xid is
  'Transaction in which ddl_command_end announced the end; what becomes of it decides';
comment on column script_tracking_internal.attempt.skipped is 'Why an attempt that succeeded is not recorded, by design';
comment on column script_tracking_internal.attempt.past_lsn is
  'Without an end: when the statement was seen to be over the log reached to here; once read so far, there is no end';
comment on column script_tracking_internal.attempt.gone is 'Whether its session had ended when the statement was seen to be over';
comment on column script_tracking_internal.attempt.verdict is
  'COMPLETED, FAILED, ROLLED_BACK, INTERRUPTED, SKIPPED or LOST; NULL while open';

create index idx_attempt_open on script_tracking_internal.attempt (pid, started_at) where verdict is null;
create index idx_attempt_judged on script_tracking_internal.attempt (judged_at) where verdict is not null;

do $secure$
begin
  alter table script_tracking_internal.attempt enable row level security;
  alter table script_tracking_internal.attempt force row level security;
  create policy owner_all on script_tracking_internal.attempt to script_tracking_owner using (true) with check (true);
end
$secure$;
