-- requires: rollup/take_in.sql, rollup/coarsen.sql, rollup/begin_recent.sql, upkeep/vault_partition.sql
-- Builds totals and roll-ups anew: what removed partitions carried plus every row below the horizon or of an earlier
-- incarnation, whose transactions have all ended. Of the roll-ups by time that is what lies in the partitions that stand.
create or replace function script_tracking_internal.rebuild_totals()
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set plpgsql.extra_errors = 'none'
set jit = off
set work_mem = '64MB'
as $function$
declare
  v_to   xid8;
  v_part record;
begin
  perform from script_tracking_internal.rollup_state for update;
  v_to := pg_snapshot_xmin(pg_current_snapshot());
  perform script_tracking_internal.coarsen();
  update script_tracking_internal.rollup_state set recent_since = 'infinity';  -- nothing is added to what is begun anew at the end
  delete from script_tracking_internal.operation_total;
  insert into script_tracking_internal.operation_total select c.* from script_tracking_internal.operation_total_carried as c;
  for v_part in
    select p.lower_bound, p.upper_bound from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_s' order by p.lower_bound
  loop
    delete from script_tracking_internal.operation_hour as t where t.hour >= v_part.lower_bound and t.hour < v_part.upper_bound;
    delete from script_tracking_internal.duration_sketch as t where t.since >= v_part.lower_bound and t.since < v_part.upper_bound;
    delete from script_tracking_internal.script_day as t where t.day >= v_part.lower_bound and t.day < v_part.upper_bound;
    delete from script_tracking_internal.error_seen as t where t.since >= v_part.lower_bound and t.since < v_part.upper_bound;
    perform script_tracking_internal.take_in(null, v_to, v_part.lower_bound, v_part.upper_bound);
  end loop;
  perform script_tracking_internal.begin_recent();
  update script_tracking_internal.rollup_state set horizon = v_to, rolled_up_at = clock_timestamp();
end
$function$;
