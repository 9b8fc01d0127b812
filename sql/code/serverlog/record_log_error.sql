-- requires: serverlog/log_evidence.sql, capture/message_mac.sql, tenancy/role_context.sql, vault/record_outside.sql
-- Writes the record of a DDL statement that only the server's log knows: refused before ddl_command_start, or not
-- announced. Its key is made of the entry's own number, so that whoever reads the entry again finds it written.
-- The tenant is that of the role that logged in: what the session claimed is not in the log. No noise rule keeps it out:
-- as whom the session acted, and on which schema, is not in the log either.
create or replace function script_tracking_internal.record_log_error(p_error script_tracking_internal.log_error)
returns boolean
language plpgsql volatile
as $function$
declare
  v_entry   jsonb := p_error.entry;
  v_context record;
  v_source  varchar;
  v_ip      inet;
begin
  v_context := script_tracking_internal.role_context(v_entry ->> 'user', null);
  select i.record_source || '/server_log/v1' into strict v_source from script_tracking_internal.installation as i;
  begin
    v_ip := v_entry ->> 'host';
  exception when invalid_text_representation then
    null;  -- a name, where the server resolves them, or [local]
  end;
  return script_tracking_internal.record_outside(
    v_context.tenant_hk, v_source, v_entry ->> 'tag', 'DDL',
    case when (v_entry ->> 'ends_session')::boolean then 'INTERRUPTED' else 'FAILED' end,
    p_error.logged_at, null, v_entry ->> 'user', v_ip, null, v_entry ->> 'statement', v_entry ->> 'message',
    pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
      'evidence', 'server_log',
      'pid', p_error.pid,
      'application_name', nullif(v_entry ->> 'application_name', ''),
      'sqlstate', v_entry -> 'sqlstate',
      'sql_command_characters', v_entry -> 'statement_characters',
      'sql_command_sha256', v_entry -> 'statement_sha256',
      'server_log', script_tracking_internal.log_evidence(p_error))),
    pg_catalog.left(script_tracking_internal.message_mac(
      pg_catalog.concat('server_log ', p_error.session_id, ' ', p_error.line)), 32));
end
$function$;
