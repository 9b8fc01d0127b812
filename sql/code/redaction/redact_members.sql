-- requires: redaction/redact_json.sql
-- What may be stored of members of a JSON object, given and returned as text: ', "name": "value"' each.
create or replace function script_tracking_internal.redact_members(p_members text)
returns text
language sql immutable strict parallel safe
as $function$
  select ', ' operator(pg_catalog.||) pg_catalog.btrim(script_tracking_internal.redact_json(
    ('{' operator(pg_catalog.||) pg_catalog.ltrim(p_members, ', ') operator(pg_catalog.||) '}')::jsonb)::text, '{}')
$function$;
