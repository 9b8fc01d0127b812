-- run-as: installer
-- What the one slot of this database has up to a position, or a number of changes; takes nothing away.
create or replace function script_tracking_internal.peek_slot(p_upto pg_lsn, p_changes integer)
returns table (lsn pg_lsn, data bytea)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select c.lsn, c.data
  from pg_database as d
  cross join lateral pg_logical_slot_peek_binary_changes(
    'script_tracking_' || d.oid, p_upto, p_changes,
    'proto_version', '1', 'publication_names', 'script_tracking_capture', 'messages', 'true') as c
  where d.datname = current_database()
$function$;
revoke all on function script_tracking_internal.peek_slot(pg_lsn, integer) from public;
grant execute on function script_tracking_internal.peek_slot(pg_lsn, integer) to script_tracking_owner;
