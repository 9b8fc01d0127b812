-- Bytes of the log that the slot may hold back: as configured, but never what the server itself would invalidate it for.
create or replace function script_tracking_internal.slot_bound()
returns bigint
language sql stable
as $function$
  select case when k.megabytes >= 0 then least(s.slot_bound, k.megabytes * 1048576) else s.slot_bound end
  from script_tracking_internal.capture_state as s
  cross join (select c.setting::bigint as megabytes from pg_catalog.pg_settings as c where c.name = 'max_slot_wal_keep_size') as k
$function$;
