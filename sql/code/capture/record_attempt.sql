-- requires: capture/invalid_indexes.sql, tenancy/role_context.sql, vault/record_outside.sql, rules/matching_noise_rule.sql
-- Writes the record of a judged attempt that failed, was rolled back or interrupted; again, it adds SQLSTATE and message
-- where they have come since. Returns whether anything was written. Idempotent.
-- What the server's log says of the error decides between FAILED and INTERRUPTED where both would do.
create or replace function script_tracking_internal.record_attempt(p_attempt_id text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set extra_float_digits = '1'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_attempt script_tracking_internal.attempt;
  v_context record;
  v_source  varchar;
  v_status  varchar;
  v_invalid text[];
  v_depth   integer;
  v_written boolean;
  v_duration bigint;  -- microseconds; NULL where neither an end was announced nor the server's log tells of an error
begin
  select * into v_attempt from script_tracking_internal.attempt as a where a.attempt_id = p_attempt_id for update;
  if not found or v_attempt.verdict is null or v_attempt.verdict not in ('FAILED', 'INTERRUPTED', 'ROLLED_BACK') then
    return false;
  end if;
  v_status := case
    when v_attempt.verdict = 'ROLLED_BACK' or v_attempt.sqlstate is null then v_attempt.verdict
    when v_attempt.sqlstate like '57P%' or (v_attempt.log_evidence ->> 'ends_session')::boolean
      then 'INTERRUPTED'  -- shut down, crashed, idle for too long, or whatever else ended the session
    else 'FAILED' end;
  -- what succeeded and was rolled back was measured by the rules when it ended
  if v_status <> 'ROLLED_BACK' and (select i.noise_rules from script_tracking_internal.installation as i)
    and script_tracking_internal.matching_noise_rule(
      v_attempt.tag, (v_attempt.payload ->> 'user')::name, (v_attempt.payload ->> 'role')::name, null,
      case when (v_attempt.payload ->> 'sql_len')::integer <= 4096 then v_attempt.payload ->> 'sql' end) is not null
  then
    if v_attempt.recorded_at is null then
      perform nextval('script_tracking_internal.noise_ddl_seq');
      update script_tracking_internal.attempt as a set recorded_at = clock_timestamp() where a.attempt_id = p_attempt_id;
    end if;
    return false;
  end if;
  if v_attempt.ended_at is not null or v_attempt.failed_at is not null then  -- clocks step back, and the log has milliseconds
    v_duration := greatest((extract(epoch from
      coalesce(v_attempt.ended_at, v_attempt.failed_at) - v_attempt.started_at) * 1000000)::bigint, 0);
  end if;
  if v_attempt.tag in ('CREATE INDEX', 'REINDEX') and v_status <> 'ROLLED_BACK' then
    v_invalid := script_tracking_internal.invalid_indexes(v_attempt.started_at, v_attempt.payload ->> 'sql');
  end if;
  if v_attempt.payload ->> 'parent' is not null then
    with recursive around as (
      select v_attempt.payload ->> 'parent' as attempt_id, 1 as depth
      union all
      select p.payload ->> 'parent', a.depth + 1
      from around as a join script_tracking_internal.attempt as p on p.attempt_id = a.attempt_id
      where p.payload ->> 'parent' is not null and a.depth < 100)
    select max(a.depth) into v_depth from around as a;
  end if;
  v_context := script_tracking_internal.role_context(v_attempt.payload ->> 'role', v_attempt.payload ->> 'claim');
  select i.record_source || '/wal/v1' into strict v_source from script_tracking_internal.installation as i;
  v_written := script_tracking_internal.record_outside(
    v_context.tenant_hk, v_source, v_attempt.tag, 'DDL', v_status, v_attempt.started_at,
    v_duration,
    v_attempt.payload ->> 'user', (v_attempt.payload ->> 'ip')::inet,
    coalesce(v_invalid, nullif(array(  -- which its end has announced
      select n.name from jsonb_array_elements_text(coalesce(v_attempt.payload -> 'names', '[]')) as n (name)), '{}')),
    v_attempt.payload ->> 'sql', v_attempt.error_message,
    jsonb_strip_nulls(jsonb_build_object(
      'evidence', case when v_attempt.log_evidence is null then '"wal"'::jsonb else '["wal", "server_log"]' end,
      'attempt_id', v_attempt.attempt_id,
      'pid', v_attempt.pid,
      'effective_role', v_attempt.payload -> 'role',
      'application_name', nullif(v_attempt.payload ->> 'app', ''),
      'claimed_app_user', v_attempt.payload -> 'app_user',
      'claimed_change_ref', v_attempt.payload -> 'change_ref',
      'refused_tenant_claim', case when v_attempt.payload ->> 'claim' is not null and v_context.refused is not null
        then jsonb_build_object('claim', left(v_attempt.payload ->> 'claim', 100), 'reason', v_context.refused) end,
      'batch_id', v_attempt.payload -> 'batch',
      'ordinal', v_attempt.payload -> 'ordinal',
      'parent_hk', v_attempt.payload -> 'parent_hk',
      'nested', case when coalesce(v_attempt.payload ->> 'statement', v_attempt.payload ->> 'parent') is not null then true end,
      'statement', v_attempt.payload -> 'statement',
      'depth', v_depth,
      'duration_us', v_duration,
      'sqlstate', v_attempt.sqlstate,
      'verdict_note', case when v_attempt.sqlstate is null then v_attempt.verdict_note end,
      'invalid_indexes', to_jsonb(v_invalid),
      'sql_command_characters', case when (v_attempt.payload ->> 'sql_len')::integer > 4096
        then v_attempt.payload -> 'sql_len' end,
      'sql_command_sha256', v_attempt.payload -> 'sql_sha256',
      'server_log', v_attempt.log_evidence)),
    v_attempt.attempt_id);
  update script_tracking_internal.attempt as a set recorded_at = clock_timestamp() where a.attempt_id = p_attempt_id;
  return v_written;
end
$function$;
