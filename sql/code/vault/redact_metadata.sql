-- requires: vault/redact.sql
-- What may be stored of declared metadata: the object as it is, or where a secret may stand in it, that it was withheld.
create or replace function script_tracking_internal.redact_metadata(p_metadata jsonb)
returns jsonb
language plpgsql immutable strict parallel safe
as $function$
declare
  v_text     text := p_metadata::text;
  v_redacted text := script_tracking_internal.redact(v_text);
begin
  return case when v_redacted = v_text then p_metadata
    else pg_catalog.jsonb_build_object('declared', v_redacted) end;
end
$function$;
