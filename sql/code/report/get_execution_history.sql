-- requires: tenancy/visible_tenants.sql, tenancy/hidden_before.sql, tenancy/hidden_befores.sql, tenancy/shortened_tenants.sql, tenancy/held_ranges.sql
-- Executions of the last days that the caller may see, newest first, in their current version.
-- Belongs to the owner and asks itself what the caller may see, with the condition of tenancy/read_policies.sql: so neither
-- a plan nor an operator of the caller's meets a row of somebody else's. Conditions and limit are arguments, as nothing of
-- the caller's query gets in here.
-- Goes back month by month, then twice as many at a time: so that a limit ends it early, and so that each stretch has a plan of its
-- own, by the time where that soon finds enough, else by tenant and status. That index leaves out what runs, which the state
-- table knows. Names and types are compared as the results of subselects: else the planner would look up how frequent the
-- value is over all tenants, and the time of a call would tell. So would the index of type and status, which leads to others' rows
-- of that type: "is not distinct from" does not use it. What runs is found tenant first, in subselects that nothing is put into: else
-- all that runs of a type might be looked up, and then whose it is.
create or replace function script_tracking.get_execution_history(
  days integer, max_rows bigint default null, before timestamptz default null, only_tenant text default null,
  only_script_name text default null, only_script_type text default null, only_execution_status text default null,
  before_hk bytea default null)
returns table (
  execution_hk bytea, tenant text, script_name varchar, script_type varchar, execution_status varchar,
  execution_timestamp timestamptz, duration_seconds double precision, db_session_user varchar, client_ip inet,
  affected_objects text[], sql_command text, error_sqlstate text, error_message text, evidence text, metadata jsonb,
  change_verdict text, change_window text, change_reference text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
set client_min_messages = warning  -- the caller may have the server tell him plans
set plan_cache_mode = force_custom_plan  -- a condition that is not asked for is not in the plan
set enable_hashjoin = off  -- what is joined leaves the order as it is
set enable_mergejoin = off
set random_page_cost = 1.1  -- what an index of tenant or time leads to lies one after the other: no need to collect the pages first
set jit = off
set max_parallel_workers_per_gather = 0  -- to start some takes longer than what is asked for most
as $function$
#variable_conflict use_column
declare
  v_from    timestamptz := now() - make_interval(days => least(get_execution_history.days, 1000000));
  -- of those that began at the very time, the ones whose key comes later
  v_upper   timestamptz := coalesce(get_execution_history.before
    + case when get_execution_history.before_hk is null then interval '0' else interval '1 microsecond' end, 'infinity');
  v_lower   timestamptz := greatest(v_from, date_trunc('month', least(v_upper, now())));
  v_months  integer := 1;
  v_left    bigint := get_execution_history.max_rows;
  v_found   bigint;
  v_tenants bytea[] := script_tracking_internal.visible_tenants();
  v_hidden  timestamptz := script_tracking_internal.hidden_before();
  v_befores timestamptz[];
  v_shorter bytea[];
  v_held    tstzmultirange[];
begin
  if get_execution_history.max_rows < 0 then
    raise exception using errcode = 'ST003', message = 'max_rows is negative';
  end if;
  if get_execution_history.before_hk is not null and get_execution_history.before is null then
    raise exception using errcode = 'ST003', message = 'before_hk without before';
  end if;
  if get_execution_history.only_tenant is not null then
    v_tenants := array(
      select t.tenant_hk from unnest(v_tenants) as v (tenant_hk) join script_tracking.tenant_h as t on t.tenant_hk = v.tenant_hk
      where t.tenant_bk = get_execution_history.only_tenant);
  end if;
  if v_hidden <= v_from then
    v_hidden := null;
  else
    v_befores := script_tracking_internal.hidden_befores();
    v_shorter := script_tracking_internal.shortened_tenants();
    v_held := script_tracking_internal.held_ranges();
  end if;
  -- nothing is asked for, or of nobody
  if cardinality(v_tenants) = 0 or not coalesce(v_upper > v_from, false) then
    return;
  end if;
  loop
    return query
    select e.script_execution_hk, t.tenant_bk::text, e.script_name, e.script_type, e.execution_status, e.execution_timestamp,
      coalesce((e.metadata ->> 'duration_us')::double precision / 1000000, e.execution_duration_ms::double precision / 1000),
      e.db_session_user, e.client_ip, e.affected_objects, e.sql_command, e.metadata ->> 'sqlstate', e.error_message,
      e.metadata ->> 'evidence', e.metadata, c.verdict, c.window_name, c.reference_state
    from (
      (select s.script_execution_hk, s.tenant_hk, s.script_name, s.script_type, s.execution_status, s.execution_timestamp,
        s.execution_duration_ms, s.db_session_user, s.client_ip, s.affected_objects, s.sql_command, s.error_message, s.metadata
      from script_tracking.script_execution_s as s
      where s.load_end_date is null and s.execution_status <> 'RUNNING'
        and s.tenant_hk = any (v_tenants) and s.execution_timestamp >= v_lower and s.execution_timestamp < v_upper
        and (get_execution_history.only_execution_status is null
          or s.execution_status = get_execution_history.only_execution_status)
        and (get_execution_history.only_script_type is null
          or s.script_type is not distinct from (select get_execution_history.only_script_type))
        and (get_execution_history.only_script_name is null
          or s.script_name = (select get_execution_history.only_script_name))
        and (get_execution_history.before_hk is null or s.execution_timestamp < get_execution_history.before
          or s.script_execution_hk < get_execution_history.before_hk)
        and (v_hidden is null or s.execution_timestamp >= v_hidden
          or (s.execution_timestamp >= v_befores[array_position(v_shorter, s.tenant_hk)]) is not false
          or s.execution_timestamp <@ v_held[array_position(v_shorter, s.tenant_hk)])
      order by s.execution_timestamp desc, s.script_execution_hk desc
      limit v_left)
      union all
      (select s.script_execution_hk, s.tenant_hk, s.script_name, s.script_type, s.execution_status, s.execution_timestamp,
        s.execution_duration_ms, s.db_session_user, s.client_ip, s.affected_objects, s.sql_command, s.error_message, s.metadata
      from (
        select r.script_execution_hk, r.execution_timestamp
        from script_tracking_internal.running_operation as r
        where r.tenant_hk = any (v_tenants) and r.execution_timestamp >= v_lower and r.execution_timestamp < v_upper
        offset 0) as r
      cross join lateral (
        select o.* from script_tracking.script_execution_s as o
        where o.script_execution_hk = r.script_execution_hk and o.execution_timestamp = r.execution_timestamp
          and o.execution_timestamp >= v_lower and o.execution_timestamp < v_upper
          and o.load_end_date is null and o.execution_status = 'RUNNING'
        offset 0) as s
      where true
        and (get_execution_history.only_execution_status is null or get_execution_history.only_execution_status = 'RUNNING')
        and (get_execution_history.only_script_type is null
          or s.script_type is not distinct from (select get_execution_history.only_script_type))
        and (get_execution_history.only_script_name is null
          or s.script_name = (select get_execution_history.only_script_name))
        and (get_execution_history.before_hk is null or s.execution_timestamp < get_execution_history.before
          or s.script_execution_hk < get_execution_history.before_hk)
        and (v_hidden is null or s.execution_timestamp >= v_hidden
          or (s.execution_timestamp >= v_befores[array_position(v_shorter, s.tenant_hk)]) is not false
          or s.execution_timestamp <@ v_held[array_position(v_shorter, s.tenant_hk)])
      order by s.execution_timestamp desc, s.script_execution_hk desc
      limit v_left)) as e
    join script_tracking.tenant_h as t on t.tenant_hk = e.tenant_hk
    left join script_tracking.script_execution_change_s as c
      on e.script_type = 'DDL' and c.execution_timestamp = e.execution_timestamp
        and c.script_execution_hk = e.script_execution_hk
        and c.execution_timestamp >= v_lower and c.execution_timestamp < v_upper
    order by e.execution_timestamp desc, e.script_execution_hk desc
    limit v_left;
    get diagnostics v_found = row_count;
    v_left := v_left - v_found;
    exit when v_left <= 0 or v_lower <= v_from;
    v_upper := v_lower;
    v_lower := greatest(v_from, v_lower - make_interval(months => v_months));
    v_months := v_months * 2;
  end loop;
end
$function$;
comment on function script_tracking.get_execution_history(integer, bigint, timestamptz, text, text, text, text, bytea) is
  'Current version of every execution of the last days (integer >= 0) that the caller may see, newest first; at most max_rows, begun before a time (with before_hk: or then, and of a lower key), and of one tenant, name, type or status alone, NULL for any; durations in seconds; change_*: how the exporter judged captured DDL, where it is configured to; ST003: max_rows is negative, before_hk without before';
