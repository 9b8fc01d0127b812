-- requires: tenancy/checked_code.sql, tenancy/locked_tenant.sql, tenancy/change_tenant.sql, rules/checked_reason.sql
-- Gives a tenant another code. Its key stays, and so its record; what it was called before stays in tenant_s.
create or replace function script_tracking.rename_tenant(code varchar, new_code varchar, reason text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason text := script_tracking_internal.checked_reason(rename_tenant.reason);
  v_tenant record;
begin
  v_tenant := script_tracking_internal.locked_tenant(rename_tenant.code);
  if rename_tenant.new_code = rename_tenant.code then
    return false;
  end if;
  update script_tracking.tenant_h as t
  set tenant_bk = script_tracking_internal.checked_code(rename_tenant.new_code, v_tenant.tenant_hk)
  where t.tenant_hk = v_tenant.tenant_hk;
  perform script_tracking_internal.change_tenant(
    'rename_tenant', v_tenant.tenant_hk, rename_tenant.new_code, v_tenant.tenant_state, v_reason, '{}');
  return true;
end
$function$;
comment on function script_tracking.rename_tenant(varchar, varchar, text) is
  'Gives a tenant another code, on record; its key stays, and the old code is nobody else''s; false where it has that code; ST002 for an unknown tenant, ST003 for a code that is taken or bad, for system and without a reason';
