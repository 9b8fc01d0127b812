-- requires: tenancy/set_tenant_state.sql
-- Ends a suspension.
create or replace function script_tracking.resume_tenant(code varchar, reason text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
begin
  return script_tracking_internal.set_tenant_state('resume_tenant', resume_tenant.code, 'active', resume_tenant.reason);
end
$function$;
comment on function script_tracking.resume_tenant(varchar, text) is
  'Ends the suspension of a tenant, on record; false where it is not suspended; ST002, ST003, ST006 where it was offboarded';
