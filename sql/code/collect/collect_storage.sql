-- requires: upkeep/vault_partition.sql
-- For the daemon: bytes of each table with its indexes and TOAST; NULL where somebody holds or wants a part exclusively.
create or replace function script_tracking_internal.collect_storage()
returns table (relation text, storage_bytes bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  -- a size function would wait behind an exclusive lock, and behind who waits for one: such a relation has no value this time
  with locked as materialized (
    select k.relation
    from pg_locks as k
    where k.locktype = 'relation' and k.mode = 'AccessExclusiveLock'
      and k.database = (select d.oid from pg_database as d where d.datname = current_database())
  ),
  part as (
    select p.relation::text as relation, p.partition,
      exists (
        select from locked as k
        where k.relation in (p.partition, c.reltoastrelid)
          or k.relation in (select i.indexrelid from pg_index as i where i.indrelid in (p.partition, c.reltoastrelid))
      ) as held
    from script_tracking_internal.vault_partition as p
    join pg_class as c on c.oid = p.partition
  )
  select p.relation,
    case when bool_or(p.held) then null else sum(case when not p.held then pg_total_relation_size(p.partition) end) end::bigint
  from part as p
  group by 1
$function$;
