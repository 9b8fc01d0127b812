-- requires: tenancy/visible_tenants.sql, tenancy/hidden_before.sql, tenancy/hidden_befores.sql, tenancy/shortened_tenants.sql, tenancy/held_ranges.sql
-- An execution as the record had it at a moment: its version that was current then; no row where it was not yet recorded.
-- Belongs to the owner and asks itself what the caller may see, with the condition of tenancy/read_policies.sql: beforehand, so that
-- somebody else's key takes the time of one that nobody has. In plpgsql for the plan, which a session keeps.
create or replace function script_tracking.get_execution_as_of(execution_hk bytea, as_of timestamptz)
returns setof script_tracking.script_execution_s
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
set client_min_messages = warning  -- the caller may have the server tell him plans
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- that plan does not know that a key is one row
set jit = off
as $function$
declare
  v_tenants bytea[] := script_tracking_internal.visible_tenants();
  v_hidden  timestamptz := script_tracking_internal.hidden_before();
  v_started_at timestamptz;
begin
  -- versions are found by the start, which the hub knows
  select h.load_date into v_started_at
  from script_tracking.script_execution_h as h
  where h.script_execution_hk = get_execution_as_of.execution_hk and h.tenant_hk = any (v_tenants);
  return query
  select s.*
  from script_tracking.script_execution_s as s
  where s.script_execution_hk = get_execution_as_of.execution_hk and s.execution_timestamp = v_started_at
    and s.tenant_hk = any (v_tenants) and s.load_date <= get_execution_as_of.as_of
    and (s.load_end_date is null or s.load_end_date > get_execution_as_of.as_of)
    and (s.execution_timestamp >= v_hidden
      or (s.execution_timestamp >= ((select script_tracking_internal.hidden_befores()))[
        array_position((select script_tracking_internal.shortened_tenants()), s.tenant_hk)]) is not false
      or s.execution_timestamp <@ ((select script_tracking_internal.held_ranges()))[
        array_position((select script_tracking_internal.shortened_tenants()), s.tenant_hk)]);
end
$function$;
comment on function script_tracking.get_execution_as_of(bytea, timestamptz) is
  'The version of an execution that was current at a moment; no row where it was not recorded then, or not for the caller';
