-- requires: tenancy/tenants_of.sql, tenancy/visible_tenants.sql
-- visible_tenants() for a table or view that a query names: there the one who asks is known, and an auditor's own materialized
-- view of the record can be filled. The read policies and the views call it with current_user, once for a statement, as an InitPlan.
create or replace function script_tracking_internal.tenants_shown_to(p_asking name)
returns bytea[]
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
begin
  return case when p_asking = script_tracking_internal.session_identity() then script_tracking_internal.tenants_of(p_asking)
    else script_tracking_internal.visible_tenants() end;
end
$function$;
