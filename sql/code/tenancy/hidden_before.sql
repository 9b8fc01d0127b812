-- Nothing that began from here on is hidden, whoever's it is.
create or replace function script_tracking_internal.hidden_before()
returns timestamptz
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select coalesce(max(now() - make_interval(days => r.days)), '-infinity') from script_tracking_internal.tenant_retention as r
$function$;
