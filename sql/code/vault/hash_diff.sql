-- requires: vault/hash_field.sql
-- Hash of a version's descriptive fields, in this order, without load_date, load_end_date and floats.
-- The start is in microseconds since 1970; JSON is the server's own canonical text; objects are hashed each by itself.
-- Only simple expressions, which plpgsql evaluates without the executor: this runs once for every version.
create or replace function script_tracking_internal.hash_diff(
  p_tenant_hk bytea, p_script_name varchar, p_script_type varchar, p_execution_status varchar,
  p_execution_timestamp timestamptz, p_execution_duration_ms integer, p_db_session_user varchar,
  p_client_ip inet, p_affected_objects text[], p_sql_command text, p_error_message text, p_metadata jsonb)
returns bytea
language plpgsql stable parallel safe
as $function$
declare
  v_tenant   text := pg_catalog.encode(p_tenant_hk, 'hex');
  v_start    text := (extract(epoch from p_execution_timestamp) * 1000000)::bigint::text;
  v_duration text := p_execution_duration_ms::text;
  v_client   text := pg_catalog.host(p_client_ip);
  v_metadata text := p_metadata::text;
  v_objects  text;
  v_object   text;
begin
  if p_affected_objects is not null then
    v_objects := '';
    foreach v_object in array p_affected_objects loop
      v_objects := v_objects || script_tracking_internal.hash_field(v_object);
    end loop;
    v_objects := script_tracking_internal.hash_field(v_objects);
  else
    v_objects := '-';
  end if;
  return pg_catalog.sha256(pg_catalog.convert_to(
       script_tracking_internal.hash_field(v_tenant)
    || script_tracking_internal.hash_field(p_script_name::text)
    || script_tracking_internal.hash_field(p_script_type::text)
    || script_tracking_internal.hash_field(p_execution_status::text)
    || script_tracking_internal.hash_field(v_start)
    || script_tracking_internal.hash_field(v_duration)
    || script_tracking_internal.hash_field(p_db_session_user::text)
    || script_tracking_internal.hash_field(v_client)
    || v_objects
    || script_tracking_internal.hash_field(p_sql_command)
    || script_tracking_internal.hash_field(p_error_message)
    || script_tracking_internal.hash_field(v_metadata), 'UTF8'));
end
$function$;
