-- Tenants with a retention of their own, in the order in which hidden_befores() and held_ranges() tell of them.
-- The read policies call it once for a statement, as an InitPlan, and only where there is something old enough to be hidden.
create or replace function script_tracking_internal.shortened_tenants()
returns bytea[]
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select array(select r.tenant_hk from script_tracking_internal.tenant_retention as r order by r.tenant_hk)
$function$;
