-- requires: vault/add_version.sql, vault/declared_metadata.sql, redaction/redact_text.sql, tenancy/member_tenants.sql
-- Ends an operation once: deleting the state row is the right to do so; false, and nothing changes, without it.
-- p_identity is who ends it, and must be who began it, a member of its tenant or a superuser; NULL: upkeep.
-- p_metadata is what was declared, p_noted the record's own; p_ended_at never lies before the start or in the future.
-- The caller has pinned its settings.
create or replace function script_tracking_internal.end_operation(
  p_execution_hk bytea, p_identity name, p_execution_status varchar, p_ended_at timestamptz, p_error_message text,
  p_error_sqlstate text, p_affected_rows bigint, p_metadata jsonb, p_noted jsonb)
returns boolean
language plpgsql volatile
as $function$
declare
  v_began       timestamptz := pg_catalog.clock_timestamp();
  v_started_at  timestamptz;
  v_started_by  name;
  v_message     text;
  v_version     script_tracking.script_execution_s;
  v_duration_us bigint;
  v_members     bytea[];
  v_superuser   boolean;
begin
  delete from script_tracking_internal.running_operation as r
  where r.script_execution_hk = p_execution_hk and (p_identity is null or r.started_by = p_identity)
  returning r.execution_timestamp, r.started_by into v_started_at, v_started_by;
  if not found then
    if p_identity is null then
      return false;
    end if;
    -- asked for a key that nobody has as well, so that the time does not tell it from somebody else's
    v_members := script_tracking_internal.member_tenants(p_identity);
    v_superuser := pg_catalog.current_setting('is_superuser') = 'on';
    delete from script_tracking_internal.running_operation as r
    where r.script_execution_hk = p_execution_hk
      and (v_superuser or r.tenant_hk = any (v_members))
    returning r.execution_timestamp, r.started_by into v_started_at, v_started_by;
    if not found then
      return false;
    end if;
  end if;

  -- Ends the running version. As an upsert that always conflicts: it goes straight to the one partition and to the
  -- unique index of current versions, where an update would set out from every partition and from whichever index
  -- the planner likes while a table is new. version_number 0 keeps the sequence for real versions.
  insert into script_tracking.script_execution_s as s
    (script_execution_hk, load_date, hash_diff, version_number, script_name, script_type, execution_status,
     execution_timestamp, metadata, record_source, tenant_hk, incarnation)
  values (p_execution_hk, pg_catalog.clock_timestamp(), '', 0, '', '', 'RUNNING', v_started_at, '{}', '', '', 0)
  on conflict (script_execution_hk, execution_timestamp) where load_end_date is null do update
  set load_end_date = greatest(excluded.load_date, s.load_date + interval '1 microsecond')
  returning s.* into strict v_version;
  if v_version.load_end_date is null then
    raise exception using errcode = 'ST004', message = 'the running version of this operation is not in the record';
  end if;

  -- clocks step back
  v_duration_us := greatest((extract(epoch from least(p_ended_at, v_began) - v_started_at) * 1000000)::bigint, 0);
  v_version.load_date := v_version.load_end_date;
  v_version.execution_status := p_execution_status;
  v_version.execution_duration_ms := least(v_duration_us / 1000, 2147483647)::integer;
  v_message := script_tracking_internal.redact_text(p_error_message);
  v_version.error_message := pg_catalog.left(v_message, 16384);
  v_version.metadata := v_version.metadata
    || coalesce(script_tracking_internal.declared_metadata(p_metadata), '{}')
    || coalesce(p_noted, '{}')
    || pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
      'evidence', 'client',
      'completed_by', nullif(coalesce(p_identity, script_tracking_internal.session_identity()), v_started_by),
      'duration_us', v_duration_us,
      'sqlstate', p_error_sqlstate,
      'error_message_characters', case when pg_catalog.length(v_message) > 16384 then pg_catalog.length(v_message) end,
      'affected_rows', p_affected_rows,
      'tracking_us', (extract(epoch from pg_catalog.clock_timestamp() - v_began) * 1000000)::bigint));
  perform script_tracking_internal.add_version(v_version);
  return true;
end
$function$;
