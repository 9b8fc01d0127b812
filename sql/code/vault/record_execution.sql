-- requires: vault/business_key.sql, vault/random_suffix.sql, vault/hash_diff.sql, vault/cut_statement.sql
-- Writes one execution: hub row and first version. But for track_operations(), which does so for a set, the only place that
-- inserts into the hub.
-- The caller has resolved tenant, incarnation and record source (tenancy/writing_context.sql), pinned its settings and
-- taken the secrets out of every text; the statement is cut here, before hashing. The suffix is the attempt's where it has
-- one already, else made here.
create or replace function script_tracking_internal.record_execution(
  p_tenant_hk bytea, p_incarnation integer, p_record_source varchar,
  p_script_name varchar, p_script_type varchar, p_execution_status varchar,
  p_started_at timestamptz, p_duration_us bigint, p_affected_objects text[], p_sql_command text, p_metadata jsonb,
  p_suffix text)
returns bytea
language plpgsql volatile
as $function$
declare
  v_bk varchar;
  v_hk bytea;
  v_duration_ms integer;
begin
  if p_suffix is null then  -- not in one expression with its use: it would be made ready where it is not used as well
    p_suffix := script_tracking_internal.random_suffix();
  end if;
  v_bk := script_tracking_internal.business_key(p_script_name, p_started_at, p_suffix);
  v_hk := pg_catalog.sha256(pg_catalog.convert_to(v_bk, 'UTF8'));
  if pg_catalog.length(p_sql_command) > 1024 then  -- shorter ones are never cut
    select c.sql_command, p_metadata || c.noted into p_sql_command, p_metadata
    from script_tracking_internal.cut_statement(p_sql_command) as c;
  end if;
  if p_duration_us is not null then  -- least() passes a NULL by
    v_duration_ms := least(p_duration_us / 1000, 2147483647);
  end if;

  -- one statement for both rows: to start and end the executor is a good part of an insert
  with hub as (
    insert into script_tracking.script_execution_h
      (script_execution_hk, script_execution_bk, tenant_hk, load_date, record_source)
    values (v_hk, v_bk, p_tenant_hk, p_started_at, p_record_source)
  )
  insert into script_tracking.script_execution_s
    (script_execution_hk, load_date, hash_diff, script_name, script_type, execution_status, execution_timestamp,
     execution_duration_ms, affected_objects, sql_command, metadata, record_source, tenant_hk, incarnation)
  values
    (v_hk, pg_catalog.clock_timestamp(),
     script_tracking_internal.hash_diff(
       p_tenant_hk, p_script_name, p_script_type, p_execution_status, p_started_at, v_duration_ms,
       session_user::varchar, pg_catalog.inet_client_addr(), p_affected_objects, p_sql_command, null, p_metadata),
     p_script_name, p_script_type, p_execution_status, p_started_at,
     v_duration_ms, p_affected_objects, p_sql_command, p_metadata, p_record_source, p_tenant_hk, p_incarnation);
  return v_hk;
end
$function$;
