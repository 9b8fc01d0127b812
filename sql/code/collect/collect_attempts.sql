-- requires: capture/slot_lag.sql, capture/slot_bound.sql
-- For the daemon: the replication slot and what was read through it; slot_lag is NULL where there is no slot.
create or replace function script_tracking_internal.collect_attempts()
returns table (slot_lag_bytes bigint, slot_bound_bytes bigint, slots_dropped_total bigint, refused_messages_total bigint)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select script_tracking_internal.slot_lag(), script_tracking_internal.slot_bound(), s.slots_dropped,
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.refused_message_seq as q)
  from script_tracking_internal.capture_state as s
$function$;
