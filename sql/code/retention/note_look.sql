-- requires: retention/archived_partition.sql, upkeep/vault_partition.sql
-- For the daemon: that it has found these files of archives whole; looked_at is the time of this note. Forgets those of partitions that are gone.
create or replace function script_tracking_internal.note_look(p_archives bigint[])
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'  -- bounds are read from text
set datestyle = 'ISO, YMD'
set lock_timeout = '200ms'
set plpgsql.extra_errors = 'none'
as $function$
begin
  delete from script_tracking_internal.archive_look as l
  where not exists (
    select from script_tracking_internal.archived_partition as a
    join script_tracking_internal.vault_partition as p
      on p.relation = a.relation and p.lower_bound = a.lower_bound and p.upper_bound = a.upper_bound
    where a.archive_id = l.archive_id);
  insert into script_tracking_internal.archive_look as l (archive_id, looked_at)
  select a.archive_id, clock_timestamp()
  from script_tracking_internal.archived_partition as a where a.archive_id = any (p_archives)
  on conflict (archive_id) do update set looked_at = excluded.looked_at;
end
$function$;
