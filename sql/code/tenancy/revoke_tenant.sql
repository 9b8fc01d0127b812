-- requires: rules/record_change.sql
-- Takes a role's membership of a tenant back.
create or replace function script_tracking.revoke_tenant(code varchar, role_name name)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
begin
  delete from script_tracking_internal.tenant_membership as m
  using script_tracking.tenant_h as t, pg_roles as r
  where t.tenant_bk = revoke_tenant.code and m.tenant_hk = t.tenant_hk
    and r.rolname = revoke_tenant.role_name and m.role::oid = r.oid;
  if found then
    perform script_tracking_internal.record_change('revoke_tenant', null,
      jsonb_build_object('tenant', revoke_tenant.code, 'role', revoke_tenant.role_name), null);
  end if;
end
$function$;
comment on function script_tracking.revoke_tenant(varchar, name) is
  'Ends a role''s membership of a tenant; without effect where there is none';
