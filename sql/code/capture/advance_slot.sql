-- run-as: installer
-- requires: capture/log_from.sql
-- Lets the server forget what the one slot of this database has up to a position; quietly, as in peek_slot().
create or replace function script_tracking_internal.advance_slot(p_upto pg_lsn)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
declare
  v_logged text := current_setting('log_min_messages');
  v_quiet  boolean := script_tracking_internal.log_from('fatal');
begin
  perform pg_replication_slot_advance(s.slot_name, p_upto)
  from pg_replication_slots as s join pg_database as d on d.datname = s.database
  where d.datname = current_database() and s.slot_name = 'script_tracking_' || d.oid and s.confirmed_flush_lsn < p_upto;
  if v_quiet then
    v_quiet := script_tracking_internal.log_from(v_logged);
  end if;
end
$function$;
revoke all on function script_tracking_internal.advance_slot(pg_lsn) from public;
grant execute on function script_tracking_internal.advance_slot(pg_lsn) to script_tracking_owner;
