-- requires: tenancy/locked_tenant.sql, tenancy/change_tenant.sql, tenancy/refuse_offboarded.sql, rules/checked_reason.sql
-- Ends a suspension.
create or replace function script_tracking.resume_tenant(code varchar, reason text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason text := script_tracking_internal.checked_reason(resume_tenant.reason);
  v_tenant record;
begin
  v_tenant := script_tracking_internal.locked_tenant(resume_tenant.code);
  perform script_tracking_internal.refuse_offboarded(resume_tenant.code, v_tenant.tenant_state);
  if v_tenant.tenant_state = 'active' then
    return false;
  end if;
  perform script_tracking_internal.change_tenant(
    'resume_tenant', v_tenant.tenant_hk, resume_tenant.code, 'active', v_reason, '{}');
  return true;
end
$function$;
comment on function script_tracking.resume_tenant(varchar, text) is
  'Ends the suspension of a tenant, on record; false where it is not suspended; ST002, ST003, ST006 where it was offboarded';
