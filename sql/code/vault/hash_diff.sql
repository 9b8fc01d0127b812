-- requires: vault/hash_field.sql
-- Hash of a version's descriptive fields, in this order, without load_date, load_end_date and floats.
-- The start is in microseconds since 1970; JSON is the server's own canonical text; objects are hashed each by itself.
create or replace function script_tracking_internal.hash_diff(
  p_tenant_hk bytea, p_script_name varchar, p_script_type varchar, p_execution_status varchar,
  p_execution_timestamp timestamptz, p_execution_duration_ms integer, p_db_session_user varchar,
  p_client_ip inet, p_affected_objects text[], p_sql_command text, p_error_message text, p_metadata jsonb)
returns bytea
language plpgsql stable parallel safe
as $function$
begin
  return pg_catalog.sha256(pg_catalog.convert_to(
       script_tracking_internal.hash_field(pg_catalog.encode(p_tenant_hk, 'hex'))
    || script_tracking_internal.hash_field(p_script_name)
    || script_tracking_internal.hash_field(p_script_type)
    || script_tracking_internal.hash_field(p_execution_status)
    || script_tracking_internal.hash_field(
         (extract(epoch from p_execution_timestamp) * 1000000)::bigint::text)
    || script_tracking_internal.hash_field(p_execution_duration_ms::text)
    || script_tracking_internal.hash_field(p_db_session_user)
    || script_tracking_internal.hash_field(pg_catalog.host(p_client_ip))
    || case when p_affected_objects is null then '-' else
         script_tracking_internal.hash_field((
           select pg_catalog.string_agg(script_tracking_internal.hash_field(o.name), '' order by o.position)
           from pg_catalog.unnest(p_affected_objects) with ordinality as o (name, position))) end
    || script_tracking_internal.hash_field(p_sql_command)
    || script_tracking_internal.hash_field(p_error_message)
    || script_tracking_internal.hash_field(p_metadata::text), 'UTF8'));
end
$function$;
