-- requires: tenancy/read_policies.sql
-- For the daemon: the tenants and types that are told by name where there are more than it tells: the first so many by their
-- registration and their first roll-up, an order that does not change. Whatever comes on top is told together, as other.
create or replace function script_tracking_internal.shown_labels(p_tenants integer, p_types integer)
returns table (label text, value text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  (select 'tenant', t.tenant_bk from script_tracking.tenant_h as t
   order by t.load_date, t.tenant_bk collate "C" limit p_tenants)
  union all
  (select 'script_type', s.script_type from script_tracking_internal.series as s
   group by s.script_type order by s.script_type <> 'DDL', min(s.series_id) limit p_types)
$function$;
