-- What dashboard and performance show of the last day, added up: else each call adds up every hour of it anew.

alter table script_tracking_internal.rollup_state add column recent_since timestamptz not null default 'infinity';
comment on column script_tracking_internal.rollup_state.recent_since is
  'From where on series_recent adds up, 24 hours before the hour in which that was last begun anew; infinity: it is empty';

create table script_tracking_internal.series_recent (
  series_id       integer primary key,
  executions      bigint not null,
  failures        bigint not null,
  timed           bigint not null,
  duration_us     numeric not null,
  max_duration_us bigint,
  last_at         timestamptz,
  week_executions bigint not null,
  week_failures   bigint not null,
  buckets         smallint[] not null,
  uptos           bigint[] not null
) with (fillfactor = 50, toast_tuple_target = 8160);  -- written anew with each roll-up, and read without unpacking
comment on table script_tracking_internal.series_recent is
  'operation_hour and duration_sketch of a tenant and type from rollup_state.recent_since on, added up; can be begun anew at any time';
comment on column script_tracking_internal.series_recent.week_executions is 'Of the same 24 hours a week before';
comment on column script_tracking_internal.series_recent.uptos is 'Durations up to each of the buckets, with it';

alter table script_tracking_internal.series_recent enable row level security;
alter table script_tracking_internal.series_recent force row level security;
create policy owner_all on script_tracking_internal.series_recent to script_tracking_owner using (true) with check (true);
