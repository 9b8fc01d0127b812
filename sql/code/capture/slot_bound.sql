-- Bytes of the log that the slot may hold back: as configured, but never what the server itself would invalidate it for.
create or replace function script_tracking_internal.slot_bound()
returns bigint
language sql stable
as $function$
  -- not by pg_settings, which tells of all settings to show one, and takes a hundred times as long
  select case when k.bytes >= 0 then least(s.slot_bound, k.bytes) else s.slot_bound end
  from script_tracking_internal.capture_state as s
  cross join (select pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_slot_wal_keep_size')) as bytes) as k
$function$;
