-- requires: tenancy/member_tenants.sql
-- Tenant of the current statement. A claim (argument or setting) counts only for a member or a superuser; without
-- one it is the role's only membership, without any membership the tenant "system".
-- refused says why the claim does not count: unknown_tenant, not_a_member, or ambiguous where several memberships
-- leave the choice open; tenant_hk is then what a writer that must not fail should use.
create or replace function script_tracking_internal.resolve_tenant(
  p_claim text, out tenant_hk bytea, out refused text)
language plpgsql stable
as $function$
declare
  v_identity name := script_tracking_internal.session_identity();
  v_members  bytea[] := script_tracking_internal.member_tenants(v_identity);
  v_claimed  bytea;
begin
  if p_claim is not null then
    select t.tenant_hk into v_claimed from script_tracking.tenant_h as t where t.tenant_bk = p_claim;
    if v_claimed is null then
      refused := 'unknown_tenant';
    elsif v_claimed = any (v_members)
      or exists (select from pg_catalog.pg_roles as r where r.rolname = v_identity and r.rolsuper)
    then
      tenant_hk := v_claimed;
      return;
    else
      refused := 'not_a_member';
    end if;
  end if;
  if pg_catalog.cardinality(v_members) = 1 then
    tenant_hk := v_members[1];
  else
    select t.tenant_hk into tenant_hk from script_tracking.tenant_h as t where t.tenant_bk = 'system';
    if pg_catalog.cardinality(v_members) > 1 and refused is null then
      refused := 'ambiguous';
    end if;
  end if;
end
$function$;
