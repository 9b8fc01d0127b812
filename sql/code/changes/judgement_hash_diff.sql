-- Hash of a judgement: sha256 of the JSON array of its fields in UTF-8, as hash_diff() makes it of a version.
create or replace function script_tracking_internal.judgement_hash_diff(
  p_execution_hk bytea, p_execution_timestamp timestamptz, p_tenant_hk bytea, p_verdict text, p_reference_state text,
  p_window_name text, p_approved_by text, p_rules_hash bytea, p_judged_by varchar)
returns bytea
language sql stable parallel safe
as $function$
  select pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.json_build_array(
    pg_catalog.encode(p_execution_hk, 'hex'), (extract(epoch from p_execution_timestamp) operator(pg_catalog.*) 1000000)::bigint,
    pg_catalog.encode(p_tenant_hk, 'hex'), p_verdict, p_reference_state, p_window_name, p_approved_by,
    pg_catalog.encode(p_rules_hash, 'hex'), p_judged_by)::text, 'UTF8'))
$function$;
