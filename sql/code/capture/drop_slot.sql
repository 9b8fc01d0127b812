-- run-as: installer
-- Drops the one slot of this database; false where there is none. Raises 55006 while somebody reads it.
create or replace function script_tracking_internal.drop_slot()
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
begin
  perform pg_drop_replication_slot(s.slot_name)
  from pg_replication_slots as s join pg_database as d on d.datname = s.database
  where d.datname = current_database() and s.slot_name = 'script_tracking_' || d.oid;
  return found;
end
$function$;
revoke all on function script_tracking_internal.drop_slot() from public;
grant execute on function script_tracking_internal.drop_slot() to script_tracking_owner;
