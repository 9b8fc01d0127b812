-- Hash of a version's descriptive fields, in this order, without load_date, load_end_date and floats: sha256 of the
-- fields as a row of bytea values in PostgreSQL's binary form, which is their number, then for each the type (17), the
-- length in bytes (-1 for NULL) and the bytes; the numbers are signed, 4 bytes, big-endian. The lengths keep two
-- different lists of fields apart. Every field is UTF-8 text but the tenant's key, which is itself: the start in
-- microseconds since 1970, the client without its mask, the objects as a JSON array, JSON in the server's canonical form.
-- One expression, each argument used once: so it is inlined where it is called.
create or replace function script_tracking_internal.hash_diff(
  p_tenant_hk bytea, p_script_name varchar, p_script_type varchar, p_execution_status varchar,
  p_execution_timestamp timestamptz, p_execution_duration_ms integer, p_db_session_user varchar,
  p_client_ip inet, p_affected_objects text[], p_sql_command text, p_error_message text, p_metadata jsonb)
returns bytea
language sql stable parallel safe
as $function$
  select pg_catalog.sha256(pg_catalog.record_send(row(
    p_tenant_hk,
    pg_catalog.convert_to(p_script_name, 'UTF8'),
    pg_catalog.convert_to(p_script_type, 'UTF8'),
    pg_catalog.convert_to(p_execution_status, 'UTF8'),
    pg_catalog.convert_to(
      (extract(epoch from p_execution_timestamp) operator(pg_catalog.*) 1000000)::bigint::text, 'UTF8'),
    pg_catalog.convert_to(p_execution_duration_ms::text, 'UTF8'),
    pg_catalog.convert_to(p_db_session_user, 'UTF8'),
    pg_catalog.convert_to(pg_catalog.host(p_client_ip), 'UTF8'),
    pg_catalog.convert_to(pg_catalog.to_jsonb(p_affected_objects)::text, 'UTF8'),
    pg_catalog.convert_to(p_sql_command, 'UTF8'),
    pg_catalog.convert_to(p_error_message, 'UTF8'),
    pg_catalog.convert_to(p_metadata::text, 'UTF8'))))
$function$;
