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
  select p.relation::text, sum(pg_total_relation_size(p.partition))::bigint
  from script_tracking_internal.vault_partition as p
  where not exists (select from pg_locks as l
    where l.relation = p.partition and l.mode = 'AccessExclusiveLock' and l.granted
      and l.database = (select d.oid from pg_database as d where d.datname = current_database()))
  group by 1
$function$;
