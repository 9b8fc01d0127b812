-- run-as: installer
-- requires: capture/log_from.sql
-- Lets the server forget what the one slot of this database has up to a position; quietly, as in peek_slot().
-- Decoding begins each time at the slot's restart_lsn, which moves from one note of the running transactions to the next.
-- The server takes one every 15 seconds; under a load that is much to decode again and again, so one more is asked for
-- where the server can (16 and newer).
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
  if current_setting('server_version_num')::integer >= 160000 then
    if has_function_privilege('pg_log_standby_snapshot()', 'execute') and exists (
      select from pg_replication_slots as s join pg_database as d on d.datname = s.database
      where d.datname = current_database() and s.slot_name = 'script_tracking_' || d.oid
        and pg_current_wal_insert_lsn() - s.restart_lsn > 8388608)
    then
      perform pg_log_standby_snapshot();
    end if;
  end if;
  if v_quiet then
    v_quiet := script_tracking_internal.log_from(v_logged);
  end if;
end
$function$;
revoke all on function script_tracking_internal.advance_slot(pg_lsn) from public;
grant execute on function script_tracking_internal.advance_slot(pg_lsn) to script_tracking_owner;
