-- run-as: installer
-- Makes the one slot of this database and returns where it begins. As the installing role, because it needs REPLICATION;
-- name and plugin are fixed. It waits for transactions that are under way, so for as long as its caller lets it.
create or replace function script_tracking_internal.create_slot()
returns pg_lsn
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set lock_timeout = 0
as $function$
  select s.lsn
  from pg_database as d cross join lateral pg_create_logical_replication_slot('script_tracking_' || d.oid, 'pgoutput') as s
  where d.datname = current_database()
$function$;
revoke all on function script_tracking_internal.create_slot() from public;
grant execute on function script_tracking_internal.create_slot() to script_tracking_owner;
