-- The scripts that get_performance_metrics() shows of a tenant and type, ready to be shown: to rank them is most of its work.

create table script_tracking_internal.script_top (
  series_id             integer primary key,
  slowest_scripts       jsonb not null,
  most_frequent_scripts jsonb not null
) with (fillfactor = 50);
comment on table script_tracking_internal.script_top is
  'Slowest and most frequent scripts of the days of rollup_state.recent_since and after; what is not here is ranked when it is asked for';

alter table script_tracking_internal.script_top enable row level security;
alter table script_tracking_internal.script_top force row level security;
create policy owner_all on script_tracking_internal.script_top to script_tracking_owner using (true) with check (true);

-- They go with the sums of the last day.
update script_tracking_internal.rollup_state set recent_since = 'infinity';
