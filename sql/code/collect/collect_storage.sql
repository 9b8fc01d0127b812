-- requires: upkeep/vault_partition.sql
-- For the daemon: bytes of each table with its indexes and TOAST; NULL where somebody holds it exclusively.
create or replace function script_tracking_internal.collect_storage()
returns table (relation text, storage_bytes bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  -- a size function would wait behind an exclusive lock: such a relation has no value this time
  select p.relation::text,
    case when bool_or(l.held) then null else sum(case when not l.held then pg_total_relation_size(p.partition) end) end::bigint
  from script_tracking_internal.vault_partition as p
  cross join lateral (
    select exists (
      select from pg_locks as k
      where k.relation = p.partition and k.mode = 'AccessExclusiveLock' and k.granted
        and k.database = (select d.oid from pg_database as d where d.datname = current_database())) as held) as l
  group by 1
$function$;
