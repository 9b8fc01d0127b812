-- requires: monitoring/session_activity.sql
-- For the daemon: running operations whose session waits for a lock.
create or replace function script_tracking_internal.collect_blocked()
returns table (tenant text, script_type text, blocked bigint)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  with activity as materialized (
    select a.* from script_tracking_internal.session_activity(
      array(select distinct r.pid from script_tracking_internal.running_operation as r)) as a
  )
  select t.tenant_bk, r.script_type, count(*) filter (where cardinality(a.blocked_by) > 0)
  from script_tracking_internal.running_operation as r
  join script_tracking.tenant_h as t on t.tenant_hk = r.tenant_hk
  left join activity as a on a.pid = r.pid and a.backend_start <= coalesce(r.backend_start, r.execution_timestamp)
  group by 1, 2
$function$;
