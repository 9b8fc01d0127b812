-- The policies that stand; what none of them names fails open.
create or replace function script_tracking.get_capture_policies()
returns table (tenant varchar, tag text, fail_closed boolean, set_at timestamptz, set_by name)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select t.tenant_bk, p.tag, p.fail_closed, p.set_at, p.set_by
  from script_tracking_internal.capture_policy as p left join script_tracking.tenant_h as t on t.tenant_hk = p.tenant_hk
  order by t.tenant_bk nulls first, p.tag nulls first
$function$;
comment on function script_tracking.get_capture_policies() is
  'The capture policies that stand; NULL stands for any tenant or command, the most precise one decides';
