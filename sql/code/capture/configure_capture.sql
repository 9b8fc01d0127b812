-- What the exporter's configuration says of the slot: whether it is wanted, and how many bytes it may hold back.
create or replace function script_tracking_internal.configure_capture(p_slot_wanted boolean, p_slot_bound bigint)
returns void
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  update script_tracking_internal.capture_state as s
  set slot_wanted = p_slot_wanted, slot_bound = p_slot_bound,
      level_reached = case when s.slot_wanted = p_slot_wanted then s.level_reached else 1 end,
      slot_failed_at = null,  -- whoever connects anew tries anew
      slot_dropped_at = case when s.slot_bound = p_slot_bound then s.slot_dropped_at end
  where s.slot_wanted <> p_slot_wanted or s.slot_bound <> p_slot_bound or s.slot_failed_at is not null
$function$;
