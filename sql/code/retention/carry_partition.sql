-- requires: upkeep/counted_versions.sql, links/derive_links.sql
-- What of a partition has to outlive it: its share of the totals moves to the carried balance, and the names of the objects
-- that it tells of are taken in. The one place for that; called
-- for the satellite's partition before it goes, in the same transaction, and without a lock: cleanup_old_data sees to it that
-- every row is below the horizon of the totals, and that none came since.
create or replace function script_tracking_internal.carry_partition(p_partition regclass)
returns void
language plpgsql volatile
as $function$
begin
  perform script_tracking_internal.derive_links(p_seconds => 1e9);
  insert into script_tracking_internal.operation_total_carried as t
    (tenant_hk, script_type, status, error_class, bucket, operations, duration_us, tracking_us)
  select f.tenant_hk, f.script_type, f.status, f.error_class, f.bucket,
    pg_catalog.count(*), pg_catalog.sum(f.duration_us), pg_catalog.sum(f.tracking_us)
  from script_tracking_internal.counted_versions(p_partition) as f
  group by 1, 2, 3, 4, 5
  on conflict (tenant_hk, script_type, status, error_class, bucket) do update
  set operations = t.operations + excluded.operations,
      duration_us = t.duration_us + excluded.duration_us,
      tracking_us = t.tracking_us + excluded.tracking_us;
end
$function$;
