-- requires: upkeep/vault_partition.sql, retention/partition_keepers.sql
-- What cleanup_old_data() would do: past partitions, oldest first, and what keeps each.
create or replace function script_tracking.get_cleanup_candidates(retention_days integer default null)
returns table (partition_from timestamptz, partition_until timestamptz, executions_estimated bigint,
  is_removable boolean, kept_by text[], kept_until timestamptz)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select nullif(p.lower_bound, '-infinity'), p.upper_bound, nullif(c.reltuples, -1)::bigint,
    k.kept_by is null, k.kept_by, nullif(k.kept_until, 'infinity')
  from script_tracking_internal.vault_partition as p
  join script_tracking_internal.vault_partition as h
    on h.relation = 'script_execution_h' and h.upper_bound = p.upper_bound
  join pg_class as c on c.oid = h.partition
  cross join script_tracking_internal.setting as s
  cross join lateral (
    select array_agg(k.keeper) as kept_by, max(k.kept_until) as kept_until
    from script_tracking_internal.partition_keepers(p.partition, p.lower_bound, p.upper_bound,
      coalesce(get_cleanup_candidates.retention_days, nullif(s.value, 'none')::integer)) as k) as k
  where p.relation = 'script_execution_s' and p.upper_bound <= now() and s.name = 'retention.days'
  order by p.upper_bound
$function$;
comment on function script_tracking.get_cleanup_candidates(integer) is
  'Past partitions, oldest first: whether cleanup_old_data(retention_days) would remove it, else what keeps it and, where that is known, until when; without retention_days by the setting retention.days';
