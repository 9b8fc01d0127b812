-- When each job of upkeep ran last, whichever exporter ran it: several may keep house in one database.

create table script_tracking_internal.upkeep_run (
  job    text primary key,
  ran_at timestamptz not null default '-infinity',
  runs   bigint not null default 0
);
comment on table script_tracking_internal.upkeep_run is
  'When each job of upkeep ended last, and how often it has: an exporter that finds it done leaves it, see script_tracking_internal.run_upkeep';

alter table script_tracking_internal.upkeep_run enable row level security;
alter table script_tracking_internal.upkeep_run force row level security;
create policy owner_all on script_tracking_internal.upkeep_run to script_tracking_owner using (true) with check (true);
