-- requires: capture/slot_bound.sql, capture/slot_lag.sql, capture/drop_slot.sql, capture/give_up_attempts.sql, rules/pause_state.sql
-- Drops the slot where it holds back more than it may, where the server has invalidated it, where it cannot be read
-- (p_broken says why), and where the configuration does not want one or tracking pauses. Returns why, or NULL where it stands as it should.
-- Raises 55006 while another reader is at it.
create or replace function script_tracking_internal.guard_slot(p_broken text default null)
returns text
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_slot   record;
  v_wanted boolean := (select s.slot_wanted from script_tracking_internal.capture_state as s);
  v_paused boolean := exists (select from script_tracking_internal.pause_state());
  v_bound  bigint := script_tracking_internal.slot_bound();
  v_lag    bigint := script_tracking_internal.slot_lag();
  v_reason text;
begin
  select s.restart_lsn, s.wal_status into v_slot from pg_replication_slots as s
  where s.slot_name = script_tracking_internal.slot_name() and s.database = current_database();
  if not found or pg_is_in_recovery() then
    return null;
  end if;
  v_reason := case
    when v_paused then 'tracking pauses'
    when not v_wanted then 'not wanted: capture.slot is off'
    when v_lag > v_bound then format('it held back %s bytes of the write-ahead log, and may hold back %s', v_lag, v_bound)
    when v_slot.restart_lsn is null or v_slot.wal_status = 'lost' then 'the server had invalidated it'
    else p_broken end;
  if v_reason is null then
    return null;
  end if;
  perform script_tracking_internal.drop_slot();
  perform script_tracking_internal.give_up_attempts('the slot was dropped: ' || v_reason);
  update script_tracking_internal.installation set capture_level = 'basic' where capture_level <> 'basic';
  if v_wanted and not v_paused then
    update script_tracking_internal.capture_state
    set slots_dropped = slots_dropped + 1, slot_dropped_at = clock_timestamp(), slot_dropped_bytes = v_lag,
        slot_drop_reason = v_reason;
  end if;
  return v_reason;
end
$function$;
