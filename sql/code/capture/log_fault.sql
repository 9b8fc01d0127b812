-- requires: capture/fault_text.sql, capture/log_line.sql, vault/redact.sql
-- Says in the server's log what the tracker could not do, and why, without the secrets of the statement.
-- Never raises while it stands: a broken tracker must not block DDL.
create or replace function script_tracking_internal.log_fault(p_fault text, p_sqlstate text, p_message text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_query   text := current_query();
  v_context text;
begin
  get diagnostics v_context = pg_context;
  perform script_tracking_internal.log_line(
    format('%s: %s', p_fault, script_tracking_internal.fault_text(p_sqlstate, p_message)),
    script_tracking_internal.redact(v_query) is distinct from v_query,
    -- within a statement's own statements the context quotes those
    script_tracking_internal.redact_message(v_context, v_query) is distinct from v_context);
exception when others then
  -- what cannot be judged may hold a secret
  begin
    perform script_tracking_internal.log_line(format('%s: %s', p_fault, p_sqlstate), true, true);
  exception when others then
    raise log 'script_tracking: %: %', p_fault, p_sqlstate;
  end;
end
$function$;
