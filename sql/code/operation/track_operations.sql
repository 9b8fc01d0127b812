-- requires: vault/record_execution.sql, vault/redact.sql, vault/declared_metadata.sql, tenancy/writing_context.sql, operation/session_claims.sql, operation/session_metadata.sql, operation/refuse_tenant.sql, operation/hex_key.sql, operation/check_values.sql
-- Begins many operations at once, or none. started_at is for a client that could not tell in time, by the server's
-- clock; what was delivered late says by how much. With id, 32 hexadecimal digits of the client's choice, an operation
-- that is delivered again is recognised and not recorded again.
-- The key's suffix is derived from id and role: nobody can choose the key of somebody else's attempt.
create or replace function script_tracking.track_operations(operations jsonb)
returns bytea[]
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plan_cache_mode = force_generic_plan
set jit = off
as $function$
#variable_conflict use_column
declare
  v_identity name := script_tracking_internal.session_identity();
  v_now      timestamptz := clock_timestamp();
  v_session  jsonb := script_tracking_internal.session_metadata(
    'client', v_identity, script_tracking_internal.session_claims());
  v_default  text := nullif(current_setting('script_tracking.tenant', true), '');
  v_claim    text;
  v_claimed  text;
  v_context  record;
  v_given    record;
  v_problem  text;
  v_started  timestamptz;
  v_suffix   text;
  v_name     varchar;
  v_hk       bytea;
  v_hks      bytea[] := '{}';
  v_new      bytea[] := '{}';
  v_tenants  bytea[] := '{}';
  v_types    varchar[] := '{}';
  v_starts   timestamptz[] := '{}';
begin
  if jsonb_typeof(track_operations.operations) is distinct from 'array' then
    raise exception using errcode = 'ST003', message = 'operations must be a JSON array';
  end if;
  perform script_tracking_internal.check_values(track_operations.operations, 'operations');
  for v_given in
    select o.place, o.item, i.*
    from jsonb_array_elements(track_operations.operations) with ordinality as o (item, place)
    cross join lateral jsonb_to_record(case when jsonb_typeof(o.item) = 'object' then o.item else '{}' end)
      as i (script_name text, script_type text, tenant text, metadata jsonb, parent_hk text, sql_command text,
            started_at timestamptz, id text)
    order by o.place
  loop
    v_claim := coalesce(v_given.tenant, v_default);
    v_problem := case
      when jsonb_typeof(v_given.item) <> 'object' then 'is not an object'
      when v_given.item - array['script_name', 'script_type', 'tenant', 'metadata', 'parent_hk', 'sql_command',
          'started_at', 'id'] <> '{}' then 'has an unknown key'
      when not coalesce(length(v_given.script_name) between 1 and 1000 and length(v_given.script_type) between 1 and 63
          and v_given.script_type collate "C" !~ '[[:cntrl:]]', false)
        then 'script_name must have 1 to 1000 characters, script_type 1 to 63 printable ones'
      when jsonb_typeof(nullif(v_given.metadata, 'null')) <> 'object' then 'metadata must be a JSON object'
      when v_given.parent_hk is not null and script_tracking_internal.hex_key(v_given.parent_hk) is null
        then 'parent_hk must be hexadecimal'
      when not v_given.started_at between v_now - interval '7 days' and v_now + interval '5 seconds'
        then 'started_at must lie within the last seven days'
      when v_given.id !~ '^[0-9a-f]{32}$' then 'id must be 32 hexadecimal digits'
      when v_given.id is not null and v_given.started_at is null then 'id needs started_at' end;
    if v_problem is not null then
      raise exception using errcode = 'ST003', message = format('operations[%s]: %s', v_given.place - 1, v_problem);
    end if;
    if v_given.place = 1 or v_claim is distinct from v_claimed then
      v_claimed := v_claim;
      v_context := script_tracking_internal.writing_context(v_claim);
      if v_context.refused is not null then
        perform script_tracking_internal.refuse_tenant(v_context.refused, v_claim);
      end if;
    end if;

    v_started := coalesce(v_given.started_at, clock_timestamp());
    v_name := script_tracking_internal.redact_text(v_given.script_name);
    v_suffix := null;
    if v_given.id is not null then
      v_suffix := left(encode(sha256(convert_to(format('operation of %s: %s', v_identity, v_given.id), 'UTF8')), 'hex'), 32);
      v_hk := sha256(convert_to(script_tracking_internal.business_key(v_name, v_started, v_suffix), 'UTF8'));
      if exists (select from script_tracking.script_execution_h as h
                 where h.script_execution_hk = v_hk and h.load_date = v_started) then
        v_hks := v_hks || v_hk;
        continue;
      end if;
    end if;
    v_hk := script_tracking_internal.record_execution(
      v_context.tenant_hk, v_context.incarnation, v_context.record_source || '/operation/v1', v_name,
      v_given.script_type, 'RUNNING', v_started, null, null,
      script_tracking_internal.redact(v_given.sql_command),
      coalesce(script_tracking_internal.declared_metadata(nullif(v_given.metadata, 'null')), '{}') || v_session
        || jsonb_strip_nulls(jsonb_build_object(
          'parent_hk', encode(script_tracking_internal.hex_key(v_given.parent_hk), 'hex'),
          'recorded_after_us', (extract(epoch from v_now - v_given.started_at) * 1000000)::bigint)),
      v_suffix);
    v_hks := v_hks || v_hk;
    v_new := v_new || v_hk;
    v_tenants := v_tenants || v_context.tenant_hk;
    v_types := v_types || v_given.script_type::varchar;
    v_starts := v_starts || v_started;
  end loop;
  insert into script_tracking_internal.running_operation
    (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)
  select n.hk, n.tenant, n.type, n.started, v_identity, n.started
  from unnest(v_new, v_tenants, v_types, v_starts) as n (hk, tenant, type, started);
  return v_hks;
end
$function$;
comment on function script_tracking.track_operations(jsonb) is
  'Begins many operations: an array of objects with the arguments of track_operation, and started_at and id for late delivery; their keys in that order. ST002, ST003 as track_operation, and then none is begun';
