-- requires: tenancy/locked_tenant.sql, tenancy/change_tenant.sql, operation/end_operation.sql, rules/checked_reason.sql
-- Ends a tenant for good: no members, no new records. What still runs is INTERRUPTED. Its record stays until its
-- retention has passed, for auditors.
create or replace function script_tracking.offboard_tenant(code varchar, reason text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason  text := script_tracking_internal.checked_reason(offboard_tenant.reason);
  v_tenant  record;
  v_members text[];
  v_ended   bigint;
begin
  v_tenant := script_tracking_internal.locked_tenant(offboard_tenant.code);
  if v_tenant.tenant_state = 'offboarded' then
    return false;
  end if;
  with gone as (
    delete from script_tracking_internal.tenant_membership as m where m.tenant_hk = v_tenant.tenant_hk returning m.role
  )
  select coalesce(array_agg(g.role::text order by g.role::text), '{}') into v_members from gone as g;
  select count(*) into v_ended
  from script_tracking_internal.running_operation as r
  where r.tenant_hk = v_tenant.tenant_hk
    and script_tracking_internal.end_operation(
      r.script_execution_hk, null, 'INTERRUPTED', clock_timestamp(), 'the tenant was offboarded', null, null, null,
      jsonb_build_object('interrupted_because', 'tenant_offboarded'));
  perform script_tracking_internal.change_tenant(
    'offboard_tenant', v_tenant.tenant_hk, offboard_tenant.code, 'offboarded', v_reason,
    jsonb_build_object('members_revoked', v_members, 'operations_interrupted', v_ended));
  return true;
end
$function$;
comment on function script_tracking.offboard_tenant(varchar, text) is
  'Ends a tenant for good, on record: its members are revoked, its running operations INTERRUPTED, no record of it is written any more; false where that was done; ST002 for an unknown tenant, ST003 for system and without a reason';
