-- requires: tenancy/tenant_state.sql
-- What writing_context() says, for a role that is not the session's: the tenant of what somebody else did, long ago
-- perhaps. A claim counts only for a member or a superuser; without one the tenant is the role's only membership, without
-- any membership, or where the role is gone, "system". refused says why a claim did not count, the same where
-- there is no such tenant; an offboarded tenant's counts for nobody.
create or replace function script_tracking_internal.role_context(
  p_role text, p_claim text, out tenant_hk bytea, out refused text)
language plpgsql stable
as $function$
declare
  v_oid       oid;
  v_superuser boolean;
  v_members   bytea[];
begin
  select r.oid, r.rolsuper into v_oid, v_superuser from pg_catalog.pg_roles as r where r.rolname = p_role;
  v_members := array(
    select distinct m.tenant_hk from script_tracking_internal.tenant_membership as m
    where case when v_superuser then m.role::oid = v_oid else pg_catalog.pg_has_role(v_oid, m.role::oid, 'member') end);
  if p_claim is not null then
    select t.tenant_hk into tenant_hk from script_tracking.tenant_h as t where t.tenant_bk = p_claim;
    if tenant_hk is not null and (coalesce(v_superuser, false) or tenant_hk = any (v_members)) then
      if script_tracking_internal.tenant_state(tenant_hk) <> 'offboarded' then
        return;
      end if;
      refused := 'offboarded';
    else
      refused := 'not_a_member';
    end if;
  end if;
  if pg_catalog.cardinality(v_members) = 1 then
    tenant_hk := v_members[1];
  else
    tenant_hk := pg_catalog.sha256('system');  -- the key that the installer gave it
    if pg_catalog.cardinality(v_members) > 1 and refused is null then
      refused := 'ambiguous';
    end if;
  end if;
end
$function$;
