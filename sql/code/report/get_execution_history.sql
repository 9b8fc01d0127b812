-- Executions of the last days that the caller may see, newest first, in their current version.
-- Runs as the caller, so row-level security decides what is seen. Written to be inlined into the caller's query, so that
-- its conditions, order and limit reach the indexes of the partitions: therefore without settings, and with every name,
-- operator and type qualified, as the caller's search_path holds.
create or replace function script_tracking.get_execution_history(days integer)
returns table (
  execution_hk bytea, tenant text, script_name varchar, script_type varchar, execution_status varchar,
  execution_timestamp timestamptz, duration_seconds double precision, db_session_user varchar, client_ip inet,
  affected_objects text[], sql_command text, error_sqlstate text, error_message text, evidence text, metadata jsonb)
language sql stable
as $function$
  select s.script_execution_hk, t.tenant_bk::pg_catalog.text, s.script_name, s.script_type, s.execution_status,
    s.execution_timestamp,
    coalesce((s.metadata operator(pg_catalog.->>) 'duration_us')::double precision operator(pg_catalog./) 1000000::double precision,
      s.execution_duration_ms::double precision operator(pg_catalog./) 1000::double precision),
    s.db_session_user, s.client_ip, s.affected_objects, s.sql_command, s.metadata operator(pg_catalog.->>) 'sqlstate', s.error_message,
    s.metadata operator(pg_catalog.->>) 'evidence', s.metadata
  from script_tracking.script_execution_s as s
  -- equality, in a form that leaves the planner no hash join: so the executions come in the order of the index, and a limit
  -- on the newest sorts nothing; a condition on the tenant still reaches the index of tenant and status
  join script_tracking.tenant_h as t
    on t.tenant_hk operator(pg_catalog.>=) s.tenant_hk and t.tenant_hk operator(pg_catalog.<=) s.tenant_hk
  where s.load_end_date is null
    and s.execution_timestamp operator(pg_catalog.>=) (pg_catalog.now() operator(pg_catalog.-) pg_catalog.make_interval(days => get_execution_history.days))
  order by s.execution_timestamp desc
$function$;
comment on function script_tracking.get_execution_history(integer) is
  'Current version of every execution of the last days (integer >= 0) that the caller may see, newest first; durations in seconds';
