-- For each of shortened_tenants(): what began before is hidden.
create or replace function script_tracking_internal.hidden_befores()
returns timestamptz[]
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select array(select now() - make_interval(days => r.days)
    from script_tracking_internal.tenant_retention as r order by r.tenant_hk)
$function$;
