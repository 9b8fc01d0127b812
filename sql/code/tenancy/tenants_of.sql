-- requires: tenancy/member_tenants.sql
-- Tenants that a role may read: all for auditors, else its memberships; narrowed by script_tracking.tenant.
create or replace function script_tracking_internal.tenants_of(p_identity name)
returns bytea[]
language plpgsql stable
as $function$
declare
  v_claim   text := nullif(pg_catalog.current_setting('script_tracking.tenant', true), '');
  v_visible bytea[];
begin
  if pg_catalog.pg_has_role(p_identity, 'script_tracking_auditor', 'member') then
    v_visible := array(select t.tenant_hk from script_tracking.tenant_h as t);
  else
    v_visible := script_tracking_internal.member_tenants(p_identity);
  end if;
  if v_claim is not null then
    v_visible := array(
      select t.tenant_hk from script_tracking.tenant_h as t
      where t.tenant_bk = v_claim and t.tenant_hk = any (v_visible));
  end if;
  return v_visible;
end
$function$;
