-- requires: tenancy/locked_tenant.sql, tenancy/change_tenant.sql, tenancy/refuse_offboarded.sql, rules/checked_reason.sql
-- Lets a tenant begin no operations until resume_tenant(). What runs may end, and its members go on reading.
create or replace function script_tracking.suspend_tenant(code varchar, reason text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason text := script_tracking_internal.checked_reason(suspend_tenant.reason);
  v_tenant record;
begin
  v_tenant := script_tracking_internal.locked_tenant(suspend_tenant.code);
  perform script_tracking_internal.refuse_offboarded(suspend_tenant.code, v_tenant.tenant_state);
  if v_tenant.tenant_state = 'suspended' then
    return false;
  end if;
  perform script_tracking_internal.change_tenant(
    'suspend_tenant', v_tenant.tenant_hk, suspend_tenant.code, 'suspended', v_reason, '{}');
  return true;
end
$function$;
comment on function script_tracking.suspend_tenant(varchar, text) is
  'Refuses new operations of a tenant (ST006) until resume_tenant(), on record; false where it is suspended already; ST002, ST003, ST006 where it was offboarded';
