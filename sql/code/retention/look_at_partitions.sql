-- requires: upkeep/vault_partition.sql, retention/partition_keepers.sql, collect/collect_storage.sql
-- For the daemon: notes what keeps each past partition, and how large the record is, for health and metrics, which must not look themselves each time.
-- Returns how many nothing keeps.
create or replace function script_tracking_internal.look_at_partitions()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_days integer := (select nullif(s.value, 'none')::integer from script_tracking_internal.setting as s where s.name = 'retention.days');
begin
  perform from script_tracking_internal.retention_state for update;
  delete from script_tracking_internal.partition_kept;
  insert into script_tracking_internal.partition_kept (lower_bound, upper_bound, reason, keeper, kept_until)
  select p.lower_bound, p.upper_bound, coalesce(k.reason, 'due'), coalesce(k.keeper, 'nothing'), k.kept_until
  from script_tracking_internal.vault_partition as p
  left join lateral script_tracking_internal.partition_keepers(p.partition, p.lower_bound, p.upper_bound, v_days) as k on true
  where p.relation = 'script_execution_s' and p.upper_bound <= now();
  update script_tracking_internal.retention_state
  set looked_at = clock_timestamp(), storage_bytes = (select sum(c.storage_bytes) from script_tracking_internal.collect_storage() as c);
  return (select count(*) from script_tracking_internal.partition_kept as k where k.reason = 'due');
end
$function$;
