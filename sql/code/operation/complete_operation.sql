-- requires: vault/hash_diff.sql, vault/declared_metadata.sql, tenancy/member_tenants.sql
-- Ends an operation once: the state row is the mutex, so a second or a foreign call returns false and changes nothing.
-- Only settings that matter in here are pinned, as each costs: no time, interval, float or bytea is turned into text but
-- by functions that say how.
create or replace function script_tracking.complete_operation(
  execution_hk bytea, success boolean, error_message text default null, error_sqlstate text default null,
  affected_rows bigint default null, metadata jsonb default null)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- a plan made while the state table was empty serves it when it is full
set jit = off
as $function$
#variable_conflict use_column
declare
  v_identity    name := script_tracking_internal.session_identity();
  v_began       timestamptz := clock_timestamp();
  v_started_at  timestamptz;
  v_started_by  name;
  v_message     text;
  v_version     script_tracking.script_execution_s;
  v_duration_us bigint;
begin
  if complete_operation.success is null or complete_operation.error_sqlstate !~ '^[0-9A-Z]{5}$'
    or jsonb_typeof(complete_operation.metadata) <> 'object'
  then
    raise exception using errcode = 'ST003', message = case
      when complete_operation.success is null then 'success must be true or false'
      when jsonb_typeof(complete_operation.metadata) <> 'object' then 'metadata must be a JSON object'
      else 'error_sqlstate must have five characters 0-9 and A-Z' end;
  end if;

  delete from script_tracking_internal.running_operation as r
  where r.script_execution_hk = complete_operation.execution_hk
    and (r.started_by = v_identity
      or current_setting('is_superuser') = 'on'
      or r.tenant_hk = any (script_tracking_internal.member_tenants(v_identity)))
  returning r.execution_timestamp, r.started_by into v_started_at, v_started_by;
  if not found then
    return false;
  end if;

  -- Ends the running version. As an upsert that always conflicts: it goes straight to the one partition and to the
  -- unique index of current versions, where an update would set out from every partition and from whichever index
  -- the planner likes while a table is new. version_number 0 keeps the sequence for real versions.
  insert into script_tracking.script_execution_s as s
    (script_execution_hk, load_date, hash_diff, version_number, script_name, script_type, execution_status,
     execution_timestamp, metadata, record_source, tenant_hk, incarnation)
  values (complete_operation.execution_hk, clock_timestamp(), '', 0, '', '', 'RUNNING', v_started_at, '{}', '', '', 0)
  on conflict (script_execution_hk, execution_timestamp) where load_end_date is null do update
  set load_end_date = greatest(excluded.load_date, s.load_date + interval '1 microsecond')
  returning s.* into strict v_version;
  if v_version.load_end_date is null then
    raise exception using errcode = 'ST004', message = 'the running version of this operation is not in the record';
  end if;

  v_duration_us := greatest((extract(epoch from v_began - v_started_at) * 1000000)::bigint, 0);  -- clocks step back
  v_version.load_date := v_version.load_end_date;
  v_version.execution_status := case when complete_operation.success then 'COMPLETED' else 'FAILED' end;
  v_version.execution_duration_ms := least(v_duration_us / 1000, 2147483647)::integer;
  v_message := script_tracking_internal.redact(complete_operation.error_message);
  v_version.error_message := left(v_message, 16384);
  v_version.metadata := v_version.metadata
    || coalesce(script_tracking_internal.declared_metadata(complete_operation.metadata), '{}')
    || jsonb_strip_nulls(jsonb_build_object(
      'evidence', 'client',
      'completed_by', nullif(v_identity, v_started_by),
      'duration_us', v_duration_us,
      'sqlstate', complete_operation.error_sqlstate,
      'error_message_characters', case when length(v_message) > 16384 then length(v_message) end,
      'affected_rows', complete_operation.affected_rows,
      'tracking_us', (extract(epoch from clock_timestamp() - v_began) * 1000000)::bigint));
  insert into script_tracking.script_execution_s
    (script_execution_hk, load_date, hash_diff, script_name, script_type, execution_status, execution_timestamp,
     execution_duration_ms, db_session_user, client_ip, affected_objects, sql_command, error_message, metadata,
     record_source, tenant_hk, incarnation)
  select v_version.script_execution_hk, v_version.load_date,
    script_tracking_internal.hash_diff(
      v_version.tenant_hk, v_version.script_name, v_version.script_type, v_version.execution_status,
      v_version.execution_timestamp, v_version.execution_duration_ms, v_version.db_session_user, v_version.client_ip,
      v_version.affected_objects, v_version.sql_command, v_version.error_message, v_version.metadata),
    v_version.script_name, v_version.script_type, v_version.execution_status, v_version.execution_timestamp,
    v_version.execution_duration_ms, v_version.db_session_user, v_version.client_ip, v_version.affected_objects,
    v_version.sql_command, v_version.error_message, v_version.metadata, v_version.record_source, v_version.tenant_hk,
    i.incarnation
  from script_tracking_internal.installation as i where i.singleton;
  return true;
end
$function$;
comment on function script_tracking.complete_operation(bytea, boolean, text, text, bigint, jsonb) is
  'Ends an operation that track_operation began; false, and nothing changes, where the key is not running or not the caller''s; ST003 for a bad argument';
