-- run-as: installer
-- What these sessions do and wait for, without the text of any statement: behind a pooler a session may serve somebody
-- else by now. As the installing role: without pg_read_all_stats the activity of others is hidden.
-- query_id is NULL where the server reckons none (compute_query_id).
create or replace function script_tracking_internal.session_activity(p_pids integer[])
returns table (pid integer, backend_start timestamptz, state text, state_change timestamptz, wait_event_type text, wait_event text,
  blocked_by integer[], query_id bigint, user_id oid)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select a.pid, a.backend_start, a.state, a.state_change, a.wait_event_type, a.wait_event,
    case when a.wait_event_type = 'Lock' then pg_blocking_pids(a.pid) else '{}' end, a.query_id, a.usesysid
  from pg_stat_activity as a where a.pid = any (p_pids)
$function$;
revoke all on function script_tracking_internal.session_activity(integer[]) from public;
grant execute on function script_tracking_internal.session_activity(integer[]) to script_tracking_owner;
