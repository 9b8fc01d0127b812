-- requires: redaction/announces_secret.sql, redaction/redact_json.sql
-- What may be stored of declared metadata: the object without its secrets, and without the keys that are the record's own.
create or replace function script_tracking_internal.declared_metadata(p_metadata jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
as $function$
begin
  return case when script_tracking_internal.announces_secret(p_metadata::text)
      then script_tracking_internal.redact_json(p_metadata) else p_metadata end
    operator(pg_catalog.-) array[
    'evidence', 'attempt_id', 'batch_id', 'ordinal', 'depth', 'statement', 'pid', 'effective_role', 'application_name', 'claimed_app_user', 'claimed_change_ref', 'completed_by',
    'objects', 'nested', 'extension_members', 'refused_tenant_claim', 'parent_hk', 'duration_us', 'tracking_us',
    'sqlstate', 'revises', 'affected_rows', 'sql_command_characters', 'sql_command_sha256', 'error_message_characters',
    'interrupted_because', 'recorded_after_us', 'completion_recorded_after_us'];
end
$function$;
