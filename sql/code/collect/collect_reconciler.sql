-- requires: reconcile/catalog_coverage.sql
-- For the daemon: where the comparison of catalogs and record stands; no row before the first baseline.
create or replace function script_tracking_internal.collect_reconciler()
returns table (untracked_changes bigint, coverage_ratio double precision, objects bigint, accounted_total bigint, untracked_total bigint, passed_timestamp_seconds double precision, pass_seconds double precision, baseline_timestamp_seconds double precision)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select (select count(*) from script_tracking_internal.untracked_change as u where u.acknowledged_at is null),
    script_tracking_internal.catalog_coverage(),
    (select count(*) from script_tracking_internal.catalog_state),
    r.accounted_changes, r.untracked_changes, extract(epoch from r.passed_at)::double precision, r.pass_seconds,
    extract(epoch from r.baseline_at)::double precision
  from script_tracking_internal.reconcile_state as r
$function$;
