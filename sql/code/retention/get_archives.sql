-- requires: upkeep/vault_partition.sql
-- The ledger of archives.
create or replace function script_tracking.get_archives()
returns table (partition_from timestamptz, partition_until timestamptz, relation name, row_count bigint, file_name text,
  file_bytes bigint, file_sha256 text, place text, archived_at timestamptz, archived_by name, incarnation integer, is_removed boolean)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select nullif(a.lower_bound, '-infinity'), a.upper_bound, a.relation, a.row_count, a.file_name, a.file_bytes,
    encode(a.file_sha256, 'hex'), a.place, a.archived_at, a.archived_by, a.incarnation,
    not exists (
      select from script_tracking_internal.vault_partition as p
      where p.relation = a.relation and p.lower_bound = a.lower_bound and p.upper_bound = a.upper_bound)
  from script_tracking_internal.partition_archive as a
  order by a.archive_id
$function$;
comment on function script_tracking.get_archives() is
  'Every archive of a partition of the record that was written: file, rows, sha256, where and when; is_removed: the partition is gone since. Of one that was archived again the last row counts';
