-- requires: capture/slot_horizon.sql, capture/slot_lag.sql, capture/note_transactions.sql
-- Makes the server write down what was emitted and not flushed yet: without a commit behind it, a message would wait
-- for seconds on a server that does little else. False where there was nothing to flush.
create or replace function script_tracking_internal.flush_messages()
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
begin
  if script_tracking_internal.slot_horizon() > 100 or script_tracking_internal.slot_lag() > 8388608 then
    perform script_tracking_internal.note_transactions();
  end if;
  if pg_current_wal_insert_lsn() <= pg_current_wal_flush_lsn() then
    return false;
  end if;
  if current_setting('server_version_num')::integer >= 170000 then
    execute 'select pg_logical_emit_message(false, ''script_tracking_tick'', '''', true)';
  else
    -- the commit flushes; a bare transaction id, or a commit that need not wait for it, would not
    perform set_config('synchronous_commit', 'local', true);
    perform pg_logical_emit_message(true, 'script_tracking_tick', '');
  end if;
  return true;
end
$function$;
