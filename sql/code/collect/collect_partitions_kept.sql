-- For the daemon: past partitions by what keeps them, as upkeep last saw it; due: nothing does. One may be kept by several.
create or replace function script_tracking_internal.collect_partitions_kept()
returns table (reason text, partitions bigint, oldest_end_seconds double precision)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select r.reason, count(distinct k.lower_bound), extract(epoch from min(k.upper_bound))::double precision
  from unnest(array['retention', 'delivery', 'hold', 'in_use', 'not_disposable', 'not_archived', 'due']) as r (reason)
  left join script_tracking_internal.partition_kept as k on k.reason = r.reason
  group by r.reason
$function$;
