-- requires: vault/record_execution.sql, vault/redact.sql, vault/utf8_text.sql, operation/session_claims.sql, operation/session_metadata.sql
-- Records what a superuser changed about the capture: name of the function, the reason given, what was before and after.
create or replace function script_tracking_internal.record_change(
  p_name varchar, p_reason text, p_before jsonb, p_after jsonb)
returns bytea
language plpgsql volatile
as $function$
begin
  return script_tracking_internal.record_execution(
    pg_catalog.sha256('system'), i.incarnation, i.record_source || '/administration/v1',
    p_name, 'ADMINISTRATION', 'COMPLETED', pg_catalog.clock_timestamp(), 0, null,
    script_tracking_internal.utf8_text(script_tracking_internal.redact(pg_catalog.current_query()), false),
    script_tracking_internal.utf8_text((script_tracking_internal.session_metadata(
      'client', script_tracking_internal.session_identity(), script_tracking_internal.session_claims())
    || pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
      'duration_us', 0, 'reason', p_reason,
      'before', p_before, 'after', p_after)))::text, true)::jsonb,
    null)
  from script_tracking_internal.installation as i;
end
$function$;
