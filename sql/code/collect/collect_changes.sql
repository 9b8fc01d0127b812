-- For the daemon: captured DDL that was judged, by tenant and verdict, from zero; nothing where none was ever configured to be.
create or replace function script_tracking_internal.collect_changes()
returns table (tenant text, verdict text, ddl_judged_total bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select t.tenant_bk, v.verdict, coalesce(c.judged, 0)
  from script_tracking_internal.change_state as s
  cross join script_tracking.tenant_h as t
  cross join unnest(array['inside', 'approved', 'outside', 'frozen']) as v (verdict)
  left join script_tracking_internal.change_total as c on c.tenant_hk = t.tenant_hk and c.verdict = v.verdict
  where s.horizon is not null
$function$;
