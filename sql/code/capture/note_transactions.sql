-- run-as: installer
-- Has the server note the running transactions in the log, where it can (16 and newer). From one such note to the next moves
-- what the slot holds on to: the place from which the log is decoded each time, and the horizon of the catalogs. Without
-- being asked the server takes one every 15 seconds, which under a load of DDL is long.
create or replace function script_tracking_internal.note_transactions()
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
begin
  if current_setting('server_version_num')::integer >= 160000 then
    if has_function_privilege('pg_log_standby_snapshot()', 'execute') then
      perform pg_log_standby_snapshot();
    end if;
  end if;
end
$function$;
revoke all on function script_tracking_internal.note_transactions() from public;
grant execute on function script_tracking_internal.note_transactions() to script_tracking_owner;
