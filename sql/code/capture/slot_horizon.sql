-- requires: capture/slot_name.sql
-- How many transactions more than those under way the slot keeps in the catalogs: what they have made obsolete there can
-- not be cleaned up, and every look at an object that DDL changes again and again goes through all of it. NULL where there is no slot.
create or replace function script_tracking_internal.slot_horizon()
returns integer
language sql volatile
as $function$
  select pg_catalog.age(s.catalog_xmin)
    - pg_catalog.age(pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.xid)
  from pg_catalog.pg_replication_slots as s
  where s.slot_name = script_tracking_internal.slot_name() and s.database = pg_catalog.current_database()
$function$;
