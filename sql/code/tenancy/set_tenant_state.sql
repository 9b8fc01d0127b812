-- requires: tenancy/locked_tenant.sql, tenancy/change_tenant.sql, tenancy/refuse_offboarded.sql, rules/checked_reason.sql
-- Puts a tenant that was not offboarded into a state, on record under the name of the function that was called; false where it
-- is in it.
create or replace function script_tracking_internal.set_tenant_state(p_name varchar, p_code varchar, p_state text, p_reason text)
returns boolean
language plpgsql volatile
as $function$
declare
  v_reason text := script_tracking_internal.checked_reason(p_reason);
  v_tenant record;
begin
  v_tenant := script_tracking_internal.locked_tenant(p_code);
  perform script_tracking_internal.refuse_offboarded(p_code, v_tenant.tenant_state);
  if v_tenant.tenant_state = p_state then
    return false;
  end if;
  perform script_tracking_internal.change_tenant(p_name, v_tenant.tenant_hk, p_code, p_state, v_reason, '{}');
  return true;
end
$function$;
