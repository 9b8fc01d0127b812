-- The retention of each tenant.
create or replace function script_tracking.get_retention()
returns table (tenant varchar, days integer, is_own boolean, reason text, set_at timestamptz, set_by name)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select t.tenant_bk, coalesce(r.days, nullif(s.value, 'none')::integer), r.days is not null, r.reason, r.set_at, r.set_by
  from script_tracking.tenant_h as t
  cross join script_tracking_internal.setting as s
  left join script_tracking_internal.tenant_retention as r on r.tenant_hk = t.tenant_hk
  where s.name = 'retention.days'
  order by t.tenant_bk
$function$;
comment on function script_tracking.get_retention() is
  'Days that each tenant''s executions are kept, its own or those of the setting retention.days; NULL: for good';
