-- requires: tenancy/member_tenants.sql
-- Tenants that the caller may read: all for auditors, else its memberships; narrowed by script_tracking.tenant.
-- The read policies call it once for a statement, as an InitPlan.
create or replace function script_tracking_internal.visible_tenants()
returns bytea[]
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_identity name := script_tracking_internal.session_identity();
  v_claim    text := nullif(current_setting('script_tracking.tenant', true), '');
  v_visible  bytea[];
begin
  if pg_has_role(v_identity, 'script_tracking_auditor', 'member') then
    v_visible := array(select t.tenant_hk from script_tracking.tenant_h as t);
  else
    v_visible := script_tracking_internal.member_tenants(v_identity);
  end if;
  if v_claim is not null then
    v_visible := array(
      select t.tenant_hk from script_tracking.tenant_h as t
      where t.tenant_bk = v_claim and t.tenant_hk = any (v_visible));
  end if;
  return v_visible;
end
$function$;
