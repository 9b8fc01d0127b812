-- requires: rollup/take_in.sql, rollup/coarsen.sql, rollup/begin_recent.sql, rollup/rank_scripts.sql
-- Moves totals and roll-ups towards the transaction horizon, about p_versions at once: every transaction below
-- pg_snapshot_xmin has ended, so its rows are visible or will never be. What one transaction wrote comes in whole.
-- Returns how many versions were added, and whether there is more to be had at once. Idempotent; one at a time by the row
-- lock.
create or replace function script_tracking_internal.roll_up_slice(
  p_versions integer default 100000, out added bigint, out more boolean)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set plpgsql.extra_errors = 'none'
set enable_seqscan = off  -- a slice is a small part of the record, whatever the statistics of a growing table say
set jit = off
set work_mem = '64MB'
as $function$
declare
  v_from  xid8;
  v_first xid8;
  v_next  xid8;
  v_to    xid8;
begin
  added := 0;
  more := false;
  select r.horizon into strict v_from from script_tracking_internal.rollup_state as r for update;
  perform script_tracking_internal.begin_recent();
  v_to := pg_snapshot_xmin(pg_current_snapshot());
  if v_to <= v_from then
    return;
  end if;
  perform script_tracking_internal.coarsen();
  select s.xid into v_next from script_tracking.script_execution_s as s
  where s.xid >= v_from and s.xid < v_to and s.execution_status <> 'RUNNING'
  order by s.xid offset p_versions limit 1;
  if found then
    more := true;
    select s.xid into strict v_first from script_tracking.script_execution_s as s
    where s.xid >= v_from and s.execution_status <> 'RUNNING'
    order by s.xid limit 1;
    v_to := case when v_next > v_first then v_next else (v_next::text::numeric + 1)::text::xid8 end;
  end if;
  added := script_tracking_internal.take_in(v_from, v_to);
  if not more then
    perform script_tracking_internal.rank_scripts();
  end if;
  if more or added > 0 or v_to::text::numeric - v_from::text::numeric > 1000 then
    update script_tracking_internal.rollup_state set horizon = v_to, rolled_up_at = clock_timestamp();
  end if;
end
$function$;
