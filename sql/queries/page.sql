-- What the page for people shows to those alone who have shown who they are.

-- name: names
-- Newest failures and DDL with their names, as the auditor sees them: the exporter's own role may not read the record.
select pg_catalog.set_config('role', 'script_tracking_auditor', true);
(select 'failure' as kind, e.last_seen_at as at, e.tenant, e.script_type::text, e.script_name::text as name,
  e.error_sqlstate as outcome, e.error_message as message, null::text[] as objects, null::text as who, e.errors
from script_tracking.get_recent_errors(24) as e
order by e.last_seen_at desc limit 20)
union all
(select 'ddl', h.execution_timestamp, h.tenant, h.script_type, h.script_name, concat_ws(', ', h.execution_status,
    case h.change_verdict when 'outside' then 'outside of change windows' when 'frozen' then 'in a change freeze' end), h.error_message,
  h.affected_objects, h.db_session_user, null
from script_tracking.get_execution_history(2, 20, only_script_type => 'DDL') as h
order by h.execution_timestamp desc)
