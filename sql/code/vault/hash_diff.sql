-- Hash of a version's descriptive fields, in this order, without load_date, load_end_date and floats: sha256 of their
-- JSON array in UTF-8, as json_build_array writes it (", " between the fields), so that any JSON library checks a record.
-- JSON's quotes and escapes keep two different lists of fields apart, and null from the empty text. The tenant's key is
-- hexadecimal, the start in microseconds since 1970, the client without its mask, the objects an array, jsonb in the
-- server's canonical form.
-- One expression, each argument used once: so it is inlined where it is called.
create or replace function script_tracking_internal.hash_diff(
  p_tenant_hk bytea, p_script_name varchar, p_script_type varchar, p_execution_status varchar,
  p_execution_timestamp timestamptz, p_execution_duration_ms integer, p_db_session_user varchar,
  p_client_ip inet, p_affected_objects text[], p_sql_command text, p_error_message text, p_metadata jsonb)
returns bytea
language sql stable parallel safe
as $function$
  select pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.json_build_array(
    pg_catalog.encode(p_tenant_hk, 'hex'), p_script_name, p_script_type, p_execution_status,
    (extract(epoch from p_execution_timestamp) operator(pg_catalog.*) 1000000)::bigint, p_execution_duration_ms,
    p_db_session_user, pg_catalog.host(p_client_ip), p_affected_objects, p_sql_command, p_error_message,
    p_metadata)::text, 'UTF8'))
$function$;
