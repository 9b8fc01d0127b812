-- Roll-ups by time beside the cumulative totals, all up to the one horizon in rollup_state, all by the start of the
-- execution in UTC. An hour or a day lies in one partition of the vault: what a removed partition held stays here as it is.
-- Distributions, and what failed, are kept by the hour from fine_since on and by the day before it.

alter table script_tracking_internal.rollup_state add column fine_since timestamptz not null default '-infinity';
comment on column script_tracking_internal.rollup_state.fine_since is
  'Sketches and error fingerprints of executions from here on have a row an hour, those before it a row a day';

create table script_tracking_internal.series (
  series_id   integer generated always as identity primary key,
  tenant_hk   bytea not null,
  script_type varchar not null,
  unique (tenant_hk, script_type)
);
comment on table script_tracking_internal.series is 'A short number for tenant and type, as the roll-ups by time name them';

create table script_tracking_internal.operation_hour (
  hour            timestamptz not null,
  series_id       integer not null,
  status          varchar not null,
  operations      bigint not null,
  timed           bigint not null,
  duration_us     numeric not null,
  max_duration_us bigint,
  last_at         timestamptz not null,
  primary key (hour, series_id, status)
) with (fillfactor = 90);
comment on table script_tracking_internal.operation_hour is 'Final versions by the hour in which the execution began';
comment on column script_tracking_internal.operation_hour.timed is 'How many of them have a known duration';
comment on column script_tracking_internal.operation_hour.last_at is 'Start of the newest of them';

create table script_tracking_internal.duration_sketch (
  since     timestamptz not null,
  series_id integer not null,
  buckets   smallint[] not null,
  counts    bigint[] not null,
  primary key (since, series_id)
) with (fillfactor = 80);
comment on table script_tracking_internal.duration_sketch is
  'Distribution of durations by hour or day, see rollup_state.fine_since; mergeable by adding the counts, see script_tracking_internal.sketch_bucket';
comment on column script_tracking_internal.duration_sketch.buckets is 'Buckets that hold anything, ascending; counts go with them';

create table script_tracking_internal.script_day (
  day             timestamptz not null,
  series_id       integer not null,
  script_name     text not null,
  executions      bigint not null,
  failures        bigint not null,
  timed           bigint not null,
  duration_us     numeric not null,
  max_duration_us bigint,
  primary key (day, series_id, script_name)
) with (fillfactor = 90);
comment on table script_tracking_internal.script_day is
  'Executions by the day in which they began and by what script_tracking_internal.script_label makes of their name';
comment on column script_tracking_internal.script_day.script_name is
  'Empty for all names after the first so many of a tenant and day, see the setting rollup.names_a_day';

create table script_tracking_internal.error_seen (
  since               timestamptz not null,
  series_id           integer not null,
  sqlstate            text not null,
  fingerprint         text not null,
  errors              bigint not null,
  first_seen_at       timestamptz not null,
  last_seen_at        timestamptz not null,
  script_execution_hk bytea not null,
  script_name         text not null,
  error_message       text,
  primary key (since, series_id, sqlstate, fingerprint)
) with (fillfactor = 90);
comment on table script_tracking_internal.error_seen is
  'Failures by hour or day, see rollup_state.fine_since, by SQLSTATE and by the fingerprint of their message, with the newest as the sample. A version that revises another counts, and takes the count of that one back';
comment on column script_tracking_internal.error_seen.sqlstate is 'Empty where it is not known';
comment on column script_tracking_internal.error_seen.fingerprint is
  'See script_tracking_internal.error_fingerprint; other for all after the first so many of a tenant and day, see the setting rollup.fingerprints_a_day';

insert into script_tracking_internal.setting (name, value, description) values
  ('rollup.names_a_day', '50', 'Script names that the daily totals of a tenant tell apart; further ones count as one'),
  ('rollup.fingerprints_a_day', '50', 'Kinds of failures that the totals of a tenant and day tell apart; further ones count as one');

do $secure$
declare
  v_table text;
begin
  foreach v_table in array array['series', 'operation_hour', 'duration_sketch', 'script_day', 'error_seen'] loop
    execute format('alter table script_tracking_internal.%I enable row level security', v_table);
    execute format('alter table script_tracking_internal.%I force row level security', v_table);
    execute format(
      'create policy owner_all on script_tracking_internal.%I to script_tracking_owner using (true) with check (true)', v_table);
  end loop;
end
$secure$;

-- What is in the vault already comes in by the slices of roll_up(): from the beginning, with the totals.
delete from script_tracking_internal.operation_total;
insert into script_tracking_internal.operation_total select * from script_tracking_internal.operation_total_carried;
update script_tracking_internal.rollup_state set horizon = '0';
