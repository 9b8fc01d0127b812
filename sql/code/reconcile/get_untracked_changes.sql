-- The changes of the catalog that no record accounts for, newest first; acknowledged ones included.
create or replace function script_tracking.get_untracked_changes()
returns table (change_id bigint, change text, object_type text, identity text, objects bigint, cluster_wide boolean, changed_after timestamptz, seen_at timestamptz, execution_hk bytea, acknowledged_at timestamptz, acknowledged_by name, reason text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select u.change_id, u.change, u.object_type, u.identity, u.objects, u.cluster_wide, u.since, u.first_seen_at, u.script_execution_hk,
    u.acknowledged_at, u.acknowledged_by, u.reason
  from script_tracking_internal.untracked_change as u
  order by u.change_id desc
$function$;
comment on function script_tracking.get_untracked_changes() is
  'Changes of the catalog that no record accounts for: what, when at the earliest and when seen, the key of its record, who acknowledged it and why';
