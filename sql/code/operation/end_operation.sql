-- requires: vault/hash_diff.sql, vault/utf8_text.sql, tenancy/session_identity.sql, vault/declared_metadata.sql, redaction/redact_text.sql, redaction/redact_message.sql, tenancy/member_tenants.sql, tenancy/is_maintenance.sql
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
  v_version     script_tracking.script_execution_s;
  v_duration_us bigint;
  v_duration_ms integer;
  v_metadata    jsonb;
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
    -- not in a function of somebody else's whose table a superuser maintains
    v_superuser := case when pg_catalog.current_setting('is_superuser') = 'on'
      then not script_tracking_internal.is_maintenance() else false end;
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
  -- What most operations have no use for stands behind conditions of its own, as an expression costs by its length, used or not.
  v_metadata := pg_catalog.format('{"evidence": "client", "duration_us": %s, "tracking_us": %s}', v_duration_us,
    (extract(epoch from pg_catalog.clock_timestamp() - v_began) * 1000000)::bigint)::jsonb;
  if p_noted is not null then
    v_metadata := p_noted || v_metadata;
  end if;
  if p_metadata is not null then
    if pg_catalog.getdatabaseencoding() <> 'UTF8' then
      p_metadata := script_tracking_internal.utf8_text(p_metadata::text, true);
    end if;
    v_metadata := script_tracking_internal.declared_metadata(p_metadata) || v_metadata;
  end if;
  if p_error_message is not null or p_error_sqlstate is not null or p_affected_rows is not null
    or p_identity is distinct from v_started_by
  then
    if p_error_message is not null then
      if pg_catalog.getdatabaseencoding() <> 'UTF8' then
        p_error_message := script_tracking_internal.utf8_text(p_error_message, false);
      end if;
    end if;
    if v_version.sql_command is null then
      p_error_message := script_tracking_internal.redact_text(p_error_message);
    elsif p_error_message is not null then  -- it may quote what is no longer in the statement
      p_error_message := script_tracking_internal.redact_message(p_error_message, v_version.sql_command);
    end if;
    v_metadata := v_metadata || pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
      'completed_by', script_tracking_internal.utf8_text(
        nullif(coalesce(p_identity, script_tracking_internal.session_identity()), v_started_by)::text, false),
      'sqlstate', p_error_sqlstate,
      'error_message_characters', case when pg_catalog.length(p_error_message) > 16384 then pg_catalog.length(p_error_message) end,
      'affected_rows', p_affected_rows));
    p_error_message := pg_catalog.left(p_error_message, 16384);
  end if;
  v_metadata := v_version.metadata || v_metadata;
  v_duration_ms := least(v_duration_us / 1000, 2147483647);
  -- add_version(), without filling a whole row for it
  insert into script_tracking.script_execution_s
    (script_execution_hk, load_date, hash_diff, script_name, script_type, execution_status, execution_timestamp,
     execution_duration_ms, db_session_user, client_ip, affected_objects, sql_command, error_message, metadata,
     record_source, tenant_hk, incarnation)
  select p_execution_hk, v_version.load_end_date,
    script_tracking_internal.hash_diff(
      v_version.tenant_hk, v_version.script_name, v_version.script_type, p_execution_status, v_started_at, v_duration_ms,
      v_version.db_session_user, v_version.client_ip, v_version.affected_objects, v_version.sql_command, p_error_message,
      v_metadata),
    v_version.script_name, v_version.script_type, p_execution_status, v_started_at, v_duration_ms, v_version.db_session_user,
    v_version.client_ip, v_version.affected_objects, v_version.sql_command, p_error_message, v_metadata,
    v_version.record_source, v_version.tenant_hk, i.incarnation
  from script_tracking_internal.installation as i where i.singleton;
  return true;
end
$function$;
