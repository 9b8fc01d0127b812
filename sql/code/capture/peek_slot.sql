-- run-as: installer
-- requires: capture/log_from.sql
-- What the one slot of this database has up to a position, or a number of changes; takes nothing away. Of a message longer
-- than parse_message() takes only so much that it shows: anybody may emit one of a gigabyte, and each step would copy it.
-- The server would write two lines to its log each time that it begins to decode: every second, in a log that is read.
create or replace function script_tracking_internal.peek_slot(p_upto pg_lsn, p_changes integer)
returns table (lsn pg_lsn, data bytea)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_logged text := current_setting('log_min_messages');
  v_quiet  boolean := script_tracking_internal.log_from('fatal');
begin
  return query
    select c.lsn, substr(c.data, 1, 131073)
    from pg_database as d
    cross join lateral pg_logical_slot_peek_binary_changes(
      'script_tracking_' || d.oid, p_upto, p_changes,
      'proto_version', '1', 'publication_names', 'script_tracking_capture', 'messages', 'true') as c
    where d.datname = current_database();
  if v_quiet then
    v_quiet := script_tracking_internal.log_from(v_logged);
  end if;
end
$function$;
revoke all on function script_tracking_internal.peek_slot(pg_lsn, integer) from public;
grant execute on function script_tracking_internal.peek_slot(pg_lsn, integer) to script_tracking_owner;
