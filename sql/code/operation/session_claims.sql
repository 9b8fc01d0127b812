-- What a session says of itself in settings that anybody may fill, as the members of a JSON object: ', "name": "value"' each.
-- Put together as text, which is quicker than any builder of JSON; session_metadata() takes the secrets out.
create or replace function script_tracking_internal.session_claims()
returns text
language sql stable
as $function$
  select pg_catalog.concat(
    ', "application_name": ' operator(pg_catalog.||)
      pg_catalog.to_json(nullif(pg_catalog.current_setting('application_name'), ''))::text,
    ', "claimed_app_user": ' operator(pg_catalog.||)
      pg_catalog.to_json(nullif(pg_catalog.left(pg_catalog.current_setting('script_tracking.app_user', true), 1000), ''))::text,
    ', "claimed_change_ref": ' operator(pg_catalog.||)
      pg_catalog.to_json(nullif(pg_catalog.left(pg_catalog.current_setting('script_tracking.change_ref', true), 1000), ''))::text)
$function$;
