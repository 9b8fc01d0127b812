-- requires: tenancy/refuse_offboarded.sql, tenancy/tenant_state.sql, rules/record_change.sql
-- Lets a role, and so its members, write for and read of a tenant.
create or replace function script_tracking.grant_tenant(code varchar, role_name name)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_hk  bytea;
  v_oid oid;
begin
  select t.tenant_hk into v_hk from script_tracking.tenant_h as t where t.tenant_bk = grant_tenant.code
  for share;  -- not while somebody offboards it
  select r.oid into v_oid from pg_roles as r where r.rolname = grant_tenant.role_name;
  if v_hk is null then
    raise exception using errcode = 'ST002', message = format('tenant %L is not registered', grant_tenant.code);
  elsif v_oid is null then
    raise exception using errcode = 'ST003', message = format('role %L does not exist', grant_tenant.role_name);
  end if;
  perform script_tracking_internal.refuse_offboarded(grant_tenant.code, script_tracking_internal.tenant_state(v_hk));
  insert into script_tracking_internal.tenant_membership as m (tenant_hk, role)
  values (v_hk, v_oid::regrole) on conflict do nothing;
  if found then
    update script_tracking_internal.installation set memberships = true where not memberships;
    perform script_tracking_internal.record_change('grant_tenant', null, null,
      jsonb_build_object('tenant', grant_tenant.code, 'role', grant_tenant.role_name));
  end if;
end
$function$;
comment on function script_tracking.grant_tenant(varchar, name) is
  'Makes a role (and its members) a member of a tenant; ST002 for an unknown tenant, ST003 for an unknown role, ST006 where it was offboarded';
