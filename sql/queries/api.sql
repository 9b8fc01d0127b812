-- What the API answers. Each statement follows act_as in one transaction: as the token's role, and narrowed to its tenant.

-- name: act_as
-- A superuser sees everything, and so does who passes row-level security by: neither is a reader. The role '' is none's.
select pg_catalog.set_config('role', coalesce((
    select r.rolname::text from pg_catalog.pg_roles as r
    where r.rolname = {role} and not r.rolsuper and not r.rolbypassrls), ''), true),
  pg_catalog.set_config('script_tracking.tenant', {tenant}, true)

-- name: role_state
-- Why a role cannot be acted as, or may not read; no reason where it can and may.
select case
    when r.oid is null then format('there is no role %I', a.name)
    when r.rolsuper or r.rolbypassrls then format('%I is a superuser or passes row-level security by: take another role', a.name)
    when not pg_has_role(session_user, r.oid,
        case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end)
      then format('run: grant %I to %I', a.name, session_user)
    when not coalesce(has_function_privilege(r.oid, to_regprocedure('script_tracking.get_enterprise_dashboard()'), 'execute'), false)
      or not has_schema_privilege(r.oid, to_regnamespace('script_tracking'), 'usage')
      then format('run: grant script_tracking_reader to %I', a.name)
  end as reason
from (values ({role}::text)) as a (name)
left join pg_roles as r on r.rolname = a.name

-- name: executions
select h.execution_hk, h.tenant, h.script_name, h.script_type, h.execution_status, h.execution_timestamp, h.duration_seconds,
  h.db_session_user, host(h.client_ip) as client_ip, h.affected_objects, h.sql_command, h.error_sqlstate, h.error_message,
  h.evidence, h.metadata - 'pid' as metadata, h.change_verdict, h.change_window, h.change_reference
from script_tracking.get_execution_history(
  case when {since}::timestamptz is not null
    then greatest(ceil(extract(epoch from now() - {since}::timestamptz) / 86400), 0)::integer + 1 end,
  {limit}, coalesce({after_0}::timestamptz, {until}::timestamptz), {tenant}::text, {script_name}::text, {script_type}::text,
  {execution_status}::text, decode({after_1}::text, 'hex')) as h
where {since}::timestamptz is null or h.execution_timestamp >= {since}::timestamptz

-- name: execution
-- As the list has it: the newest of those that began then with no higher key.
select h.execution_hk, h.tenant, h.script_name, h.script_type, h.execution_status, h.execution_timestamp, h.duration_seconds,
  h.db_session_user, host(h.client_ip) as client_ip, h.affected_objects, h.sql_command, h.error_sqlstate, h.error_message,
  h.evidence, h.metadata - 'pid' as metadata, h.change_verdict, h.change_window, h.change_reference
from script_tracking.get_execution_as_of({execution_hk}, 'infinity') as s
cross join lateral script_tracking.get_execution_history(
  null, 1, s.execution_timestamp, before_hk => s.script_execution_hk || '\x00'::bytea) as h
where h.execution_hk = s.script_execution_hk

-- name: versions
-- Each version leads to the one that it replaced.
with recursive version as (
  select s.* from script_tracking.get_execution_as_of({execution_hk}, 'infinity') as s
  union all
  select o.*
  from version as v
  cross join lateral script_tracking.get_execution_as_of(v.script_execution_hk, v.load_date - interval '1 microsecond') as o
)
select v.load_date as recorded_at, v.load_end_date as replaced_at, v.version_number, v.execution_status,
  coalesce((v.metadata ->> 'duration_us')::double precision / 1000000, v.execution_duration_ms::double precision / 1000)
    as duration_seconds,
  v.metadata ->> 'sqlstate' as error_sqlstate, v.error_message, v.metadata ->> 'evidence' as evidence, v.record_source,
  v.hash_diff, v.metadata - 'pid' as metadata
from version as v order by v.load_date

-- name: tree
select t.depth, t.execution_hk, t.parent_hk, t.tenant, t.script_name, t.script_type, t.execution_status, t.execution_timestamp,
  t.duration_seconds, t.error_sqlstate
from script_tracking.get_execution_tree({execution_hk}, {limit}) as t

-- name: objects
select o.object_hk, o.tenant, o.object_type, o.object_identity, o.changed_at, o.execution_hk, o.command, o.db_session_user,
  o.statement, a.as_of
from (select coalesce({after_0}::timestamptz, {as_of}::timestamptz, now()) as as_of) as a
cross join lateral script_tracking.get_objects_as_of(a.as_of) as o
where {after_3}::text is null
  or (o.object_identity collate "C", o.object_type collate "C", o.object_hk)
    > ({after_1}::text, {after_2}::text, decode({after_3}::text, 'hex'))
order by o.object_identity collate "C", o.object_type collate "C", o.object_hk
limit {limit}

-- name: object_history
select o.execution_hk, o.tenant, o.object_hk, o.object_type, o.object_identity, o.object_status, o.script_name, o.script_type,
  o.execution_status, o.execution_timestamp, o.recorded_at, o.db_session_user, o.statement, o.partition_change, o.privileges,
  o.definition, o.evidence
from script_tracking.get_object_history({identity}, {as_of}::timestamptz) as o
where {after_0}::timestamptz is null or o.recorded_at < {after_0}::timestamptz
  or o.recorded_at = {after_0}::timestamptz
    and (o.execution_hk, o.object_hk) > (decode({after_1}::text, 'hex'), decode({after_2}::text, 'hex'))
order by o.recorded_at desc, o.execution_hk, o.object_hk
limit {limit}

-- name: dashboard
select d.*
from script_tracking.get_enterprise_dashboard() as d
where {after_0}::text is null or d.tenant collate "C" > {after_0}::text
order by d.tenant collate "C"
limit {limit}

-- name: performance
select p.*
from script_tracking.get_performance_metrics() as p
where {after_0}::text is null or (p.tenant collate "C", p.script_type collate "C") > ({after_0}::text, {after_1}::text)
order by p.tenant collate "C", p.script_type collate "C"
limit {limit}

-- name: errors
select e.*
from script_tracking.get_recent_errors({hours}) as e
where {after_0}::text is null
  or (e.tenant collate "C", e.script_type collate "C", coalesce(e.error_sqlstate, '') collate "C", coalesce(e.fingerprint, '') collate "C")
    > ({after_0}::text, {after_1}::text, {after_2}::text, {after_3}::text)
order by e.tenant collate "C", e.script_type collate "C", coalesce(e.error_sqlstate, '') collate "C",
  coalesce(e.fingerprint, '') collate "C"
limit {limit}

-- name: health
-- What is to be done names sessions and roles of all: it is for auditors, and without process ids.
select h.check_name, h.status, h.value, h.threshold, h.unit,
  case when pg_has_role(current_user, 'script_tracking_auditor', 'member')
    then regexp_replace(h.advice, '\mpid \d+', 'a session', 'g') end as advice
from script_tracking.get_system_health() as h
where {after_0}::text is null or h.check_name collate "C" > {after_0}::text
order by h.check_name collate "C"
limit {limit}

-- name: tenants
-- The table's row-level security narrows what the function tells an auditor.
select t.tenant, t.state, t.state_since, t.reason, t.changed_by, t.registered_at, t.former_codes, t.members
from script_tracking.get_tenants() as t
join script_tracking.tenant_h as h on h.tenant_hk = t.tenant_hk
where {after_0}::text is null or t.tenant collate "C" > {after_0}::text
order by t.tenant collate "C"
limit {limit}
