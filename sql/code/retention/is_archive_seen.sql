-- requires: retention/archived_partition.sql
-- Whether each file of a past period's archive was written, or looked at and found whole, within the last quarter of an hour.
create or replace function script_tracking_internal.is_archive_seen(p_lower timestamptz, p_upper timestamptz)
returns boolean
language sql stable
as $function$
  select coalesce(pg_catalog.bool_and(
    greatest(a.archived_at, l.looked_at) > pg_catalog.clock_timestamp() - interval '15 minutes'), false)
  from script_tracking_internal.archived_partition as a
  left join script_tracking_internal.archive_look as l on l.archive_id = a.archive_id
  where a.lower_bound = p_lower and a.upper_bound = p_upper
$function$;
