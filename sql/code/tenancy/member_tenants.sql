-- requires: tenancy/session_identity.sql
-- Tenants that a role belongs to, by itself or through roles it is a member of.
-- A superuser is a member of every role, so for it only what was granted to it by name counts.
create or replace function script_tracking_internal.member_tenants(p_identity name)
returns bytea[]
language plpgsql stable
as $function$
declare
  v_superuser boolean;
  v_oid       oid;
begin
  select r.rolsuper, r.oid into v_superuser, v_oid from pg_catalog.pg_roles as r where r.rolname = p_identity;
  return array(
    select distinct m.tenant_hk
    from script_tracking_internal.tenant_membership as m
    where case when v_superuser then m.role::oid = v_oid
      else pg_catalog.pg_has_role(v_oid, m.role::oid, 'member') end);
end
$function$;
