-- requires: vault/redact.sql
-- What may be stored of declared metadata: the object as it is but for the keys that are the record's own, or where a
-- secret may stand in it, that it was withheld.
create or replace function script_tracking_internal.declared_metadata(p_metadata jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
as $function$
declare
  v_text     text := p_metadata::text;
  v_redacted text := script_tracking_internal.redact(v_text);
begin
  if v_redacted is distinct from v_text then
    return pg_catalog.jsonb_build_object('declared', v_redacted);
  end if;
  return p_metadata - array[
    'evidence', 'attempt_id', 'batch_id', 'ordinal', 'depth', 'statement', 'pid', 'effective_role', 'application_name', 'claimed_app_user', 'claimed_change_ref', 'completed_by',
    'objects', 'nested', 'extension_members', 'refused_tenant_claim', 'parent_hk', 'duration_us', 'tracking_us',
    'sqlstate', 'revises', 'affected_rows', 'sql_command_characters', 'sql_command_sha256', 'error_message_characters',
    'interrupted_because', 'recorded_after_us', 'completion_recorded_after_us'];
end
$function$;
