-- requires: redaction/announces_secret.sql, redaction/redact_members.sql
-- What the start of an attempt announces of what a session says of itself, as members of a JSON object: ', "name": "value"' each,
-- without secrets.
create or replace function script_tracking_internal.announced_claims()
returns text
language sql stable
as $function$
  select case when script_tracking_internal.announces_secret(c.members)
    then script_tracking_internal.redact_members(c.members) else c.members end
  from (select pg_catalog.concat(
    ', "app": ' || pg_catalog.to_json(pg_catalog.current_setting('application_name'))::text,
    ', "claim": ' || pg_catalog.to_json(nullif(pg_catalog.left(pg_catalog.current_setting('script_tracking.tenant', true), 1000), ''))::text,
    ', "app_user": ' || pg_catalog.to_json(nullif(pg_catalog.left(pg_catalog.current_setting('script_tracking.app_user', true), 1000), ''))::text,
    ', "change_ref": ' || pg_catalog.to_json(nullif(pg_catalog.left(pg_catalog.current_setting('script_tracking.change_ref', true), 1000), ''))::text
  ) as members) as c
$function$;
