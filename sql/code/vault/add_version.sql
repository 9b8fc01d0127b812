-- requires: vault/hash_diff.sql
-- Writes a version of an execution whose hub row stands; its hash, and the incarnation that its xid counts in, are made here.
-- No other version of it may be current. The caller has redacted and cut, and pinned its settings.
create or replace function script_tracking_internal.add_version(p_version script_tracking.script_execution_s)
returns void
language plpgsql volatile
as $function$
begin
  insert into script_tracking.script_execution_s
    (script_execution_hk, load_date, hash_diff, script_name, script_type, execution_status, execution_timestamp,
     execution_duration_ms, db_session_user, client_ip, affected_objects, sql_command, error_message, metadata,
     record_source, tenant_hk, incarnation)
  select p_version.script_execution_hk, p_version.load_date,
    script_tracking_internal.hash_diff(
      p_version.tenant_hk, p_version.script_name, p_version.script_type, p_version.execution_status,
      p_version.execution_timestamp, p_version.execution_duration_ms, p_version.db_session_user, p_version.client_ip,
      p_version.affected_objects, p_version.sql_command, p_version.error_message, p_version.metadata),
    p_version.script_name, p_version.script_type, p_version.execution_status, p_version.execution_timestamp,
    p_version.execution_duration_ms, p_version.db_session_user, p_version.client_ip, p_version.affected_objects,
    p_version.sql_command, p_version.error_message, p_version.metadata, p_version.record_source, p_version.tenant_hk,
    i.incarnation
  from script_tracking_internal.installation as i where i.singleton;
end
$function$;
