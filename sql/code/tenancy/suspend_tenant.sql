-- requires: tenancy/set_tenant_state.sql
-- Lets a tenant begin no operations until resume_tenant(). What runs may end, and its members go on reading.
create or replace function script_tracking.suspend_tenant(code varchar, reason text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
begin
  return script_tracking_internal.set_tenant_state('suspend_tenant', suspend_tenant.code, 'suspended', suspend_tenant.reason);
end
$function$;
comment on function script_tracking.suspend_tenant(varchar, text) is
  'Refuses new operations of a tenant (ST006) until resume_tenant(), on record; false where it is suspended already; ST002, ST003, ST006 where it was offboarded';
