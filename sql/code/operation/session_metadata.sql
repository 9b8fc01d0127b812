-- requires: redaction/announces_secret.sql, redaction/redact_members.sql
-- What every record says of its session; claims are recorded as claims and give no authority.
-- The claims are session_claims(), in a variable: then this is inlined, and they are read once.
create or replace function script_tracking_internal.session_metadata(p_evidence text, p_acting_role name, p_claims text)
returns jsonb
language sql stable
as $function$
  select pg_catalog.concat(
    '{"evidence": "', p_evidence, '", "pid": ', pg_catalog.pg_backend_pid(),
    ', "effective_role": ', pg_catalog.to_json(p_acting_role),
    case when script_tracking_internal.announces_secret(p_claims)
      then script_tracking_internal.redact_members(p_claims) else p_claims end,
    '}')::jsonb
$function$;
