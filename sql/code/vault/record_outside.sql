-- requires: vault/business_key.sql, vault/add_version.sql
-- Records an execution from outside its session: evidence that was found afterwards, of a known suffix, so that the key is
-- the same whichever evidence comes first. Text has been redacted and cut by the caller.
-- Idempotent: where a version stands, another one follows only if that is without SQLSTATE and this one has one.
-- It then says which version it revises, and the totals, which have counted the execution, leave it out.
-- Returns whether anything was written.
create or replace function script_tracking_internal.record_outside(
  p_tenant_hk bytea, p_record_source varchar, p_script_name varchar, p_script_type varchar, p_execution_status varchar,
  p_started_at timestamptz, p_duration_us bigint, p_session_user varchar, p_client_ip inet,
  p_affected_objects text[], p_sql_command text, p_error_message text, p_metadata jsonb, p_suffix text)
returns boolean
language plpgsql volatile
as $function$
declare
  v_bk      varchar := script_tracking_internal.business_key(p_script_name, p_started_at, p_suffix);
  v_hk      bytea := pg_catalog.sha256(pg_catalog.convert_to(v_bk, 'UTF8'));
  v_version script_tracking.script_execution_s;
begin
  insert into script_tracking.script_execution_h
    (script_execution_hk, script_execution_bk, tenant_hk, load_date, record_source)
  values (v_hk, v_bk, p_tenant_hk, p_started_at, p_record_source)
  on conflict (script_execution_hk, load_date) do nothing;
  if found then
    v_version.script_execution_hk := v_hk;
    v_version.load_date := greatest(pg_catalog.clock_timestamp(), p_started_at);
    v_version.script_name := p_script_name;
    v_version.script_type := p_script_type;
    v_version.execution_timestamp := p_started_at;
    v_version.db_session_user := p_session_user;
    v_version.client_ip := p_client_ip;
    v_version.affected_objects := p_affected_objects;
    v_version.sql_command := p_sql_command;
    v_version.metadata := p_metadata;
    v_version.record_source := p_record_source;
    v_version.tenant_hk := p_tenant_hk;
  else
    update script_tracking.script_execution_s as s
    set load_end_date = greatest(pg_catalog.clock_timestamp(), s.load_date + interval '1 microsecond')
    where s.script_execution_hk = v_hk and s.execution_timestamp = p_started_at and s.load_end_date is null
      and s.execution_status in ('FAILED', 'INTERRUPTED', 'ROLLED_BACK') and not s.metadata ? 'sqlstate' and p_metadata ? 'sqlstate'
    returning s.* into v_version;
    if not found then
      return false;
    end if;
    -- what was made of the missing SQLSTATE is void
    v_version.metadata := v_version.metadata - 'verdict_note' || p_metadata
      || pg_catalog.jsonb_build_object('revises', v_version.version_number);
    v_version.load_date := v_version.load_end_date;
  end if;
  if p_duration_us is not null then  -- least() passes a NULL by
    v_version.execution_duration_ms := least(p_duration_us / 1000, 2147483647);
  end if;
  v_version.execution_status := p_execution_status;
  v_version.error_message := p_error_message;
  perform script_tracking_internal.add_version(v_version);
  return true;
end
$function$;
