-- The present state of a tenant; NULL for a key that is none's.
create or replace function script_tracking_internal.tenant_state(p_tenant_hk bytea)
returns text
language sql stable
as $function$
  select s.tenant_state from script_tracking.tenant_s as s
  where s.tenant_hk operator(pg_catalog.=) p_tenant_hk and s.load_end_date is null
$function$;
