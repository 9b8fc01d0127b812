-- requires: tenancy/session_identity.sql
-- What a session tells of itself, as it stands: session_metadata() takes the secrets out.
-- Built as json, which is a text, and made jsonb at the end: quicker than to build and strip jsonb.
create or replace function script_tracking_internal.session_facts(p_evidence text)
returns json
language sql stable
as $function$
  select pg_catalog.json_strip_nulls(pg_catalog.json_build_object(
    'evidence', p_evidence,
    'pid', pg_catalog.pg_backend_pid(),
    'effective_role', script_tracking_internal.session_identity(),
    'application_name', nullif(pg_catalog.current_setting('application_name'), ''),
    'claimed_app_user', nullif(pg_catalog.left(pg_catalog.current_setting('script_tracking.app_user', true), 1000), ''),
    'claimed_change_ref', nullif(pg_catalog.left(pg_catalog.current_setting('script_tracking.change_ref', true), 1000), '')))
$function$;
