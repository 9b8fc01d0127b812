-- requires: retention/archived_partition.sql, retention/is_archived.sql, retention/may_be_archived.sql, retention/disposal.sql, upkeep/vault_partition.sql
-- For the daemon: the archives whose partitions still stand. goes: nothing keeps the partition, so its file is to be looked at before.
-- is_missed: for an hour nobody has seen the file where it was written, so that whoever does not have it archives anew.
create or replace function script_tracking_internal.standing_archives(p_place text)
returns table (archive_id bigint, upper_bound timestamptz, file_name text, file_bytes bigint, file_sha256 bytea, is_here boolean,
  goes boolean, is_missed boolean)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'  -- bounds are read from text
set datestyle = 'ISO, YMD'
as $function$
  select a.archive_id, a.upper_bound, a.file_name, a.file_bytes, a.file_sha256, a.place = p_place, g.goes,
    greatest(a.archived_at, l.looked_at) < clock_timestamp() - interval '1 hour'
  from (
    select p.lower_bound, p.upper_bound, script_tracking_internal.disposal() = 'archived'
      and script_tracking_internal.is_archived(p.partition, p.lower_bound, p.upper_bound)
      and script_tracking_internal.may_be_archived(p.partition, p.lower_bound, p.upper_bound) as goes
    from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_s' and p.upper_bound <= now()
    offset 0) as g
  join script_tracking_internal.archived_partition as a on a.lower_bound = g.lower_bound and a.upper_bound = g.upper_bound
  left join script_tracking_internal.archive_look as l on l.archive_id = a.archive_id
$function$;
