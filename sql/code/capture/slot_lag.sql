-- requires: capture/slot_name.sql
-- Bytes of the log that the slot holds back; NULL where there is no slot, or the server has invalidated it.
create or replace function script_tracking_internal.slot_lag()
returns bigint
language sql volatile
as $function$
  select greatest(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn), 0)::bigint
  from pg_catalog.pg_replication_slots as s
  where s.slot_name = script_tracking_internal.slot_name() and s.database = pg_catalog.current_database()
    and not pg_catalog.pg_is_in_recovery()
$function$;
