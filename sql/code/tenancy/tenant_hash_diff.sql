-- Hash of a version of a tenant: sha256 of the JSON array of its fields in UTF-8, as hash_diff() makes it of an execution's.
create or replace function script_tracking_internal.tenant_hash_diff(
  p_tenant_hk bytea, p_tenant_code varchar, p_tenant_state text, p_reason text, p_changed_by varchar)
returns bytea
language sql stable parallel safe
as $function$
  select pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.json_build_array(
    pg_catalog.encode(p_tenant_hk, 'hex'), p_tenant_code, p_tenant_state, p_reason, p_changed_by)::text, 'UTF8'))
$function$;
