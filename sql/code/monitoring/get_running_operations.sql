-- requires: tenancy/visible_tenants.sql, monitoring/session_activity.sql, monitoring/session_progress.sql, monitoring/statement_statistics.sql
-- Operations of the tenants that the caller may see that were begun and not completed, oldest first, each beside what the
-- session that began it does now. Behind a pooler that session may serve somebody else meanwhile, so no statement is told.
-- session_state is gone where no session of that start has the pid any more. What is told of a statement is of the session's own
-- role: what others called as well, and how often, is theirs.
create or replace function script_tracking.get_running_operations()
returns table (execution_hk bytea, tenant text, script_name varchar, script_type varchar, execution_timestamp timestamptz,
  running_seconds double precision, heartbeat_at timestamptz, started_by name, pid integer, session_state text,
  wait_event_type text, wait_event text, blocked_by integer[], query_id bigint, query_calls bigint,
  query_mean_seconds double precision, progress_command text, progress_phase text, progress_ratio double precision)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set client_min_messages = warning  -- the caller may have the server tell him plans
as $function$
  with operation as materialized (
    select r.* from script_tracking_internal.running_operation as r
    where r.tenant_hk = any ((select script_tracking_internal.visible_tenants())::bytea[])
  ), activity as materialized (
    select a.* from script_tracking_internal.session_activity(array(select distinct o.pid from operation as o)) as a
  ), statistic as materialized (
    select s.* from script_tracking_internal.statement_statistics(
      array(select distinct a.query_id from activity as a where a.query_id is not null)) as s
  ), progress as materialized (
    select p.* from script_tracking_internal.session_progress(array(select a.pid from activity as a)) as p
  )
  select o.script_execution_hk, t.tenant_bk, s.script_name, o.script_type, o.execution_timestamp,
    extract(epoch from clock_timestamp() - o.execution_timestamp)::double precision,
    nullif(o.heartbeat_at, o.execution_timestamp), o.started_by, o.pid, coalesce(a.state, 'gone'),
    a.wait_event_type, a.wait_event, a.blocked_by, a.query_id, q.calls, q.mean_seconds, p.command, p.phase, p.ratio
  from operation as o
  join script_tracking.tenant_h as t on t.tenant_hk = o.tenant_hk
  left join script_tracking.script_execution_s as s
    on s.script_execution_hk = o.script_execution_hk and s.execution_timestamp = o.execution_timestamp
    and s.load_end_date is null
  left join activity as a on a.pid = o.pid and a.backend_start <= coalesce(o.backend_start, o.execution_timestamp)
  left join statistic as q on q.query_id = a.query_id and q.user_id = a.user_id
  left join progress as p on p.pid = a.pid
  order by o.execution_timestamp
$function$;
comment on function script_tracking.get_running_operations() is
  'Operations begun and not completed that the caller may see, oldest first, beside what their sessions do: state, what they wait for and for whom, progress, and what pg_stat_statements knows of their statement; durations in seconds';
