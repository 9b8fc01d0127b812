-- requires: reconcile/catalog_coverage.sql
-- Health checks of the comparison of the catalogs with the record. A row for each, for get_system_health() to judge: is_floor says
-- that a value below the threshold is bad, and not one above. Part of get_system_health(), whose rights and settings it has.
create or replace function script_tracking_internal.health_catalog()
returns table (check_name text, value double precision, threshold double precision, unit text, bad_status text,
  is_floor boolean, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select 'untracked_changes',
    (select count(*) from script_tracking_internal.untracked_change as u where u.acknowledged_at is null)::double precision,
    0, 'changes', 'critical', false,
    'The catalogs were changed without a record: see get_untracked_changes(), and acknowledge_change().'
  union all
  select 'catalog_coverage', script_tracking_internal.catalog_coverage(), 1, 'ratio', 'warning', true,
    'Share of the watched catalog objects whose definition baseline, records and acknowledgements account for.'
  union all
  select 'catalog_compared',
    (select extract(epoch from clock_timestamp() - r.passed_at) from script_tracking_internal.reconcile_state as r)::double precision,
    600, 'seconds', 'warning', false,
    'The catalogs were not compared with the record for so long: is the exporter running?'
$function$;
