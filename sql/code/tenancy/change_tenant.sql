-- requires: tenancy/tenant_hash_diff.sql, tenancy/tenant_state.sql, rules/record_change.sql
-- Gives a tenant, which the caller has locked, another code or state: ends the current version of its satellite, writes
-- the next one, and puts the change on record under the name of the function that was called.
create or replace function script_tracking_internal.change_tenant(
  p_name varchar, p_tenant_hk bytea, p_tenant_code varchar, p_tenant_state text, p_reason text, p_after jsonb)
returns void
language plpgsql volatile
as $function$
declare
  v_before script_tracking.tenant_s;
begin
  -- until this has ended nobody else reckons restricted_tenants, who would not see what is changed here
  perform from script_tracking_internal.installation for no key update;
  update script_tracking.tenant_s as s
  set load_end_date = greatest(pg_catalog.clock_timestamp(), s.load_date + interval '1 microsecond')
  where s.tenant_hk = p_tenant_hk and s.load_end_date is null
  returning s.* into strict v_before;
  insert into script_tracking.tenant_s
    (tenant_hk, load_date, hash_diff, tenant_code, tenant_state, reason, changed_by, record_source)
  select p_tenant_hk, v_before.load_end_date,
    script_tracking_internal.tenant_hash_diff(p_tenant_hk, p_tenant_code, p_tenant_state, p_reason, session_user::varchar),
    p_tenant_code, p_tenant_state, p_reason, session_user, i.record_source || '/administration/v1'
  from script_tracking_internal.installation as i;
  update script_tracking_internal.installation as i set restricted_tenants = r.restricted
  from (select exists (
    select from script_tracking.tenant_s as s
    where s.load_end_date is null and s.tenant_state <> 'active') as restricted) as r
  where i.restricted_tenants <> r.restricted;
  perform script_tracking_internal.record_change(p_name, p_reason,
    pg_catalog.jsonb_build_object('tenant', v_before.tenant_code, 'state', v_before.tenant_state),
    pg_catalog.jsonb_build_object('tenant', p_tenant_code, 'state', p_tenant_state) || p_after);
end
$function$;
