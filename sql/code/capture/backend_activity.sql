-- run-as: installer
-- What these sessions do. As the installing role: without pg_read_all_stats, others' statements look as if they were over.
create or replace function script_tracking_internal.backend_activity(p_pids integer[])
returns table (pid integer, backend_start timestamptz, query_start timestamptz, state text)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select a.pid, a.backend_start, a.query_start, a.state from pg_stat_activity as a where a.pid = any (p_pids)
$function$;
revoke all on function script_tracking_internal.backend_activity(integer[]) from public;
grant execute on function script_tracking_internal.backend_activity(integer[]) to script_tracking_owner;
