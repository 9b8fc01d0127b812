-- requires: operation/session_facts.sql, redaction/announces_secret.sql, redaction/redact_json.sql
-- What every record says of its session; claims are recorded as claims and give no authority.
-- One search for the three settings that anybody may fill. One expression, so that it is inlined where it is called.
create or replace function script_tracking_internal.session_metadata(p_evidence text)
returns jsonb
language sql stable
as $function$
  select case when script_tracking_internal.announces_secret(pg_catalog.concat(
      pg_catalog.current_setting('application_name'), ' ',
      pg_catalog.current_setting('script_tracking.app_user', true), ' ',
      pg_catalog.current_setting('script_tracking.change_ref', true)))
    then script_tracking_internal.redact_json(script_tracking_internal.session_facts(p_evidence)::jsonb)
    else script_tracking_internal.session_facts(p_evidence)::jsonb end
$function$;
