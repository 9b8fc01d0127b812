-- What the Grafana dashboards ask by way of a PostgreSQL data source, as a reader or an auditor. The headings of the columns are the
-- tables'. Grafana fills in $__timeFrom() and $__timeTo(), and the variables: a choice of several as a regular expression, all of them
-- as .+. They stand between $q$, as the code of a tenant may have a quote in it.

-- name: marks
-- Schema changes as marks on the curves: the newest of each tenant.
select e.execution_timestamp as "time",
  concat(e.script_name, ' ', array_to_string(e.affected_objects, ', '), ' by ', e.db_session_user, ': ', e.execution_status) as "text",
  concat(e.tenant, ',', e.script_name) as "tags"
from script_tracking.get_enterprise_dashboard() as d
cross join lateral script_tracking.get_execution_history(
  ceil(extract(epoch from now() - $__timeFrom()::timestamptz) / 86400)::integer + 1, 200, $__timeTo(), d.tenant,
  only_script_type => 'DDL') as e
where d.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and e.execution_timestamp >= $__timeFrom()
order by e.execution_timestamp desc limit 200

-- name: schema_changes
-- Who changed what, when, and how long it took.
select e.execution_timestamp as "When", e.tenant as "Tenant",
  concat_ws(' as ', e.db_session_user, nullif(e.metadata ->> 'effective_role', e.db_session_user)) as "Who",
  concat_ws(' ', host(e.client_ip), e.metadata ->> 'application_name') as "From",
  e.script_name as "Command", array_to_string(e.affected_objects, ', ') as "Objects", e.execution_status as "Status",
  e.duration_seconds as "Duration", e.error_sqlstate as "SQLSTATE", e.metadata ->> 'claimed_change_ref' as "Change (claimed)",
  e.evidence as "Evidence", left(coalesce(e.metadata ->> 'statement', e.sql_command), 500) as "Statement",
  encode(e.execution_hk, 'hex') as "Execution"
from script_tracking.get_enterprise_dashboard() as d
cross join lateral script_tracking.get_execution_history(
  ceil(extract(epoch from now() - $__timeFrom()::timestamptz) / 86400)::integer + 1, 500, $__timeTo(), d.tenant,
  only_script_type => 'DDL') as e
where d.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and e.execution_status ~ ('^(?:' || $q$${status:regex}$q$ || ')$')
  and e.execution_timestamp >= $__timeFrom()
order by e.execution_timestamp desc limit 500

-- name: outside_windows
-- What was changed outside of every change window, or within a freeze, without an approved reference.
select e.execution_timestamp as "When", e.tenant as "Tenant", e.db_session_user as "Who", e.script_name as "Command",
  array_to_string(e.affected_objects, ', ') as "Objects", e.execution_status as "Status", e.change_verdict as "Verdict",
  e.change_window as "Window", e.change_reference as "Reference", e.metadata ->> 'claimed_change_ref' as "Change (claimed)",
  left(coalesce(e.metadata ->> 'statement', e.sql_command), 500) as "Statement", encode(e.execution_hk, 'hex') as "Execution"
from script_tracking.get_enterprise_dashboard() as d
cross join lateral script_tracking.get_execution_history(
  ceil(extract(epoch from now() - $__timeFrom()::timestamptz) / 86400)::integer + 1, 5000, $__timeTo(), d.tenant,
  only_script_type => 'DDL') as e
where d.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and e.change_verdict in ('outside', 'frozen')
  and e.execution_timestamp >= $__timeFrom()
order by e.execution_timestamp desc limit 500

-- name: schema_changes_by_user
-- Who changes how much, of the newest of each tenant.
select e.db_session_user as "Who", count(*) as "Statements",
  count(*) filter (where e.execution_status in ('FAILED', 'INTERRUPTED', 'ROLLED_BACK')) as "Without effect",
  count(distinct e.tenant) as "Tenants", sum(e.duration_seconds) as "Duration", max(e.execution_timestamp) as "Last"
from script_tracking.get_enterprise_dashboard() as d
cross join lateral script_tracking.get_execution_history(
  ceil(extract(epoch from now() - $__timeFrom()::timestamptz) / 86400)::integer + 1, 5000, $__timeTo(), d.tenant,
  only_script_type => 'DDL') as e
where d.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and e.execution_status ~ ('^(?:' || $q$${status:regex}$q$ || ')$')
  and e.execution_timestamp >= $__timeFrom()
group by 1 order by 2 desc, 1

-- name: waiting_ddl
-- For auditors: what waits for a lock now, and behind whom.
select w.waiting_seconds as "Waiting", w.session_user_name as "Who", w.application_name as "Application", w.relation as "Relation",
  w.lock_mode as "Lock", array_to_string(w.blocked_by, ', ') as "Blocked by pid", w.queued_sessions as "Queued behind",
  w.pid::text as "Pid", w.statement as "Statement"
from script_tracking.get_waiting_ddl() as w

-- name: untracked_changes
-- For auditors: changes that went round the record, those that are not acknowledged first.
select u.seen_at as "Seen", u.changed_after as "Changed after", u.change as "Change", u.object_type as "Type", u.identity as "Object",
  u.objects as "Objects", u.change_id::text as "Change id", u.acknowledged_at as "Acknowledged", u.acknowledged_by as "By", u.reason as "Reason",
  encode(u.execution_hk, 'hex') as "Execution"
from script_tracking.get_untracked_changes() as u
where u.acknowledged_at is null or u.seen_at between $__timeFrom() and $__timeTo()
order by u.acknowledged_at is not null, u.change_id desc limit 500

-- name: object_history
-- What touched the object that was typed or clicked, whenever it was.
select o.execution_timestamp as "When", o.tenant as "Tenant", o.db_session_user as "Who", o.script_name as "Command",
  o.object_type as "Type", o.object_identity as "Name then", o.object_status as "State", o.execution_status as "Status", o.evidence as "Evidence",
  left(o.statement, 500) as "Statement", encode(o.execution_hk, 'hex') as "Execution"
from script_tracking.get_object_history(nullif($q$${object:raw}$q$, '')) as o
limit 500

-- name: running
-- What runs now, and what holds it up.
select r.execution_timestamp as "Begun", r.running_seconds as "Running", r.tenant as "Tenant", r.script_type as "Type",
  r.script_name as "Script", r.started_by as "Who", r.session_state as "Session", concat_ws(': ', r.wait_event_type, r.wait_event) as "Waits for",
  array_to_string(r.blocked_by, ', ') as "Blocked by pid", r.heartbeat_at as "Heartbeat", concat_ws(', ', r.progress_command, r.progress_phase) as "Phase",
  r.progress_ratio as "Progress", encode(r.execution_hk, 'hex') as "Execution"
from script_tracking.get_running_operations() as r
where r.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and r.script_type ~ ('^(?:' || $q$${script_type:regex}$q$ || ')$')

-- name: executions
-- The newest executions.
select e.execution_timestamp as "When", e.tenant as "Tenant", e.script_type as "Type", e.script_name as "Script",
  e.execution_status as "Status", e.duration_seconds as "Duration", e.db_session_user as "Who",
  concat_ws(' ', host(e.client_ip), e.metadata ->> 'application_name') as "From", e.error_sqlstate as "SQLSTATE",
  left(e.error_message, 500) as "Message", (e.metadata ->> 'affected_rows') as "Rows", encode(e.execution_hk, 'hex') as "Execution"
from script_tracking.get_enterprise_dashboard() as d
cross join lateral script_tracking.get_execution_history(
  ceil(extract(epoch from now() - $__timeFrom()::timestamptz) / 86400)::integer + 1, 5000, $__timeTo(), d.tenant) as e
where d.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and e.script_type ~ ('^(?:' || $q$${script_type:regex}$q$ || ')$')
  and e.execution_status ~ ('^(?:' || $q$${status:regex}$q$ || ')$') and e.execution_timestamp >= $__timeFrom()
order by e.execution_timestamp desc limit 500

-- name: execution_tree
-- What the chosen execution is part of, and what is part of it.
select repeat('   ', t.depth) || t.script_name as "Script", t.script_type as "Type", t.tenant as "Tenant", t.execution_timestamp as "When",
  t.duration_seconds as "Duration", t.execution_status as "Status", t.error_sqlstate as "SQLSTATE", encode(t.execution_hk, 'hex') as "Execution"
from script_tracking.get_execution_tree(
  case when $q$${execution:raw}$q$ ~ '^([0-9a-f]{2})+$' then decode($q$${execution:raw}$q$, 'hex') end) as t

-- name: scripts
-- The slowest and the most frequent scripts of yesterday and today.
select p.tenant as "Tenant", p.script_type as "Type", s.script_name as "Script", s.executions as "Executions", s.failures as "Failures",
  s.average_seconds as "Average", s.max_seconds as "Longest"
from script_tracking.get_performance_metrics() as p
cross join lateral (
  select distinct r.script_name, r.executions, r.failures, r.average_seconds, r.max_seconds
  from jsonb_to_recordset(p.slowest_scripts || p.most_frequent_scripts)
    as r (script_name text, executions bigint, failures bigint, average_seconds double precision, max_seconds double precision)) as s
where p.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and p.script_type ~ ('^(?:' || $q$${script_type:regex}$q$ || ')$')
order by s.average_seconds desc nulls last, 1, 2, 3

-- name: error_kinds
-- Kinds of failures, by the fingerprint of their message: from the full hour on in which the time begins.
select e.last_seen_at as "Last", e.first_seen_at as "First", e.errors as "Failures", e.tenant as "Tenant", e.script_type as "Type",
  e.script_name as "Newest script", e.error_class as "Class", e.error_sqlstate as "SQLSTATE", left(e.error_message, 500) as "Newest message",
  e.fingerprint as "Fingerprint", encode(e.last_execution_hk, 'hex') as "Execution"
from script_tracking.get_recent_errors(ceil(extract(epoch from now() - $__timeFrom()::timestamptz) / 3600)::integer) as e
where e.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and e.script_type ~ ('^(?:' || $q$${script_type:regex}$q$ || ')$')
  and e.error_class ~ ('^(?:' || $q$${error_class:regex}$q$ || ')$') and e.first_seen_at <= $__timeTo()
order by e.last_seen_at desc limit 500

-- name: failures
-- The newest executions that failed.
select e.execution_timestamp as "When", e.tenant as "Tenant", e.script_type as "Type", e.script_name as "Script",
  e.execution_status as "Status", e.error_sqlstate as "SQLSTATE", left(e.error_message, 500) as "Message", e.duration_seconds as "Duration",
  e.db_session_user as "Who", concat_ws(' ', host(e.client_ip), e.metadata ->> 'application_name') as "From",
  left(coalesce(e.metadata ->> 'statement', e.sql_command), 500) as "Statement", encode(e.execution_hk, 'hex') as "Execution"
from script_tracking.get_enterprise_dashboard() as d
cross join lateral (values ('FAILED'), ('INTERRUPTED')) as f (execution_status)
cross join lateral script_tracking.get_execution_history(
  ceil(extract(epoch from now() - $__timeFrom()::timestamptz) / 86400)::integer + 1, 500, $__timeTo(), d.tenant,
  only_execution_status => f.execution_status) as e
where d.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$') and e.script_type ~ ('^(?:' || $q$${script_type:regex}$q$ || ')$')
  and coalesce(left(e.error_sqlstate, 2), 'unknown') ~ ('^(?:' || $q$${error_class:regex}$q$ || ')$')
  and e.execution_timestamp >= $__timeFrom()
order by e.execution_timestamp desc limit 500

-- name: tenants
-- A verdict on each tenant, and how it differs from a week before.
select d.tenant as "Tenant", d.verdict as "Verdict", array_to_string(d.failing_checks, ', ') as "Because of", d.operations_24h as "Executions, 24 h",
  d.operations_change as "Against a week before", d.failure_ratio_24h as "Failure ratio, 24 h", d.failure_ratio_week_before as "A week before",
  d.p95_duration_seconds_24h as "p95, 24 h", d.ddl_24h as "Schema changes, 24 h", d.running as "Running", d.oldest_running_at as "Oldest running since",
  d.last_operation_at as "Last execution"
from script_tracking.get_enterprise_dashboard() as d
where d.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$')
order by array_position(array['critical', 'warning', 'ok'], d.verdict), 1

-- name: tenant_states
-- For auditors: who is registered, in what state, and who may see it.
select t.tenant as "Tenant", t.state as "State", t.state_since as "Since", t.changed_by as "By", t.reason as "Reason", t.registered_at as "Registered",
  array_to_string(t.former_codes, ', ') as "Was", array_to_string(t.members, ', ') as "Members"
from script_tracking.get_tenants() as t
where t.tenant ~ ('^(?:' || $q$${tenant:regex}$q$ || ')$')
order by 1

-- name: health
-- Each check of the tracker, the bad ones first, with what to do.
select h.check_name as "Check", h.status as "Status", h.value as "Value", h.threshold as "Bad from", h.unit as "Unit", h.advice as "What to do"
from script_tracking.get_system_health() as h
order by array_position(array['critical', 'warning', 'unknown', 'ok'], h.status), 1

-- name: partitions
-- For auditors: past partitions, and what keeps them.
select c.partition_from as "From", c.partition_until as "Until", c.executions_estimated as "Executions, about", c.is_removable::text as "May go",
  array_to_string(c.kept_by, ', ') as "Kept by", c.kept_until as "Until at least"
from script_tracking.get_cleanup_candidates() as c
order by 1
