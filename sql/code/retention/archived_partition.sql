-- The newest archive of each partition in this incarnation of the cluster. One of an earlier incarnation does not count:
-- its file may be with the exporter of another database, and its transactions do not compare.
create or replace view script_tracking_internal.archived_partition as
select distinct on (a.upper_bound, a.lower_bound, a.relation)
  a.archive_id, a.relation, a.partition_name, a.lower_bound, a.upper_bound, a.incarnation, a.horizon, a.row_count, a.file_name,
  a.file_bytes, a.place, a.file_sha256, a.archived_at
from script_tracking_internal.partition_archive as a
join script_tracking_internal.installation as i on i.incarnation = a.incarnation
order by a.upper_bound, a.lower_bound, a.relation, a.archive_id desc;
