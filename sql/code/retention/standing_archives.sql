-- requires: retention/archived_partition.sql, upkeep/vault_partition.sql
-- For the daemon: the files at its place whose partitions still stand, so that one that is gone can be written again.
create or replace function script_tracking_internal.standing_archives(p_place text)
returns table (upper_bound timestamptz, file_name text, file_bytes bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'  -- bounds are read from text
set datestyle = 'ISO, YMD'
as $function$
  select a.upper_bound, a.file_name, a.file_bytes
  from script_tracking_internal.archived_partition as a
  join script_tracking_internal.vault_partition as p
    on p.relation = a.relation and p.lower_bound = a.lower_bound and p.upper_bound = a.upper_bound
  where a.place = p_place
$function$;
