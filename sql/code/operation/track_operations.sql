-- requires: vault/business_key.sql, vault/random_suffix.sql, vault/hash_diff.sql, vault/cut_statement.sql, vault/redact.sql, vault/declared_metadata.sql, tenancy/writing_context.sql, operation/session_claims.sql, operation/session_metadata.sql, operation/refuse_tenant.sql, operation/hex_key.sql, operation/check_values.sql
-- Begins many operations at once, or none: record_execution() for a set, in one statement for hub, version and state row.
-- started_at is for a client that could not tell in time, by the server's clock; what was delivered late says by how much.
-- With id, 32 hexadecimal digits of the client's choice, an operation that is delivered again is recognised and not recorded
-- again. The key's suffix is derived from id and role: nobody can choose the key of somebody else's attempt.
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
  v_problem  text;
  v_claims   text[];
  v_context  record;
  v_tenants  bytea[] := '{}';
  v_hks      bytea[];
begin
  if jsonb_typeof(track_operations.operations) is distinct from 'array' then
    raise exception using errcode = 'ST003', message = 'operations must be a JSON array';
  end if;
  perform script_tracking_internal.check_values(track_operations.operations, 'operations');
  select (array_agg(format('operations[%s]: %s', g.place - 1, g.problem) order by g.place) filter (where g.problem is not null))[1],
    array_agg(distinct g.claim)
  into v_problem, v_claims
  from (
    select o.place, coalesce(i.tenant, v_default) as claim, case
      when jsonb_typeof(o.item) <> 'object' then 'is not an object'
      when o.item - array['script_name', 'script_type', 'tenant', 'metadata', 'parent_hk', 'sql_command', 'started_at', 'id']
          <> '{}' then 'has an unknown key'
      when not coalesce(length(i.script_name) between 1 and 1000 and length(i.script_type) between 1 and 63
          and i.script_type collate "C" !~ '[[:cntrl:]]', false)
        then 'script_name must have 1 to 1000 characters, script_type 1 to 63 printable ones'
      when jsonb_typeof(nullif(i.metadata, 'null')) <> 'object' then 'metadata must be a JSON object'
      when i.parent_hk is not null and script_tracking_internal.hex_key(i.parent_hk) is null
        then 'parent_hk must be hexadecimal'
      when not i.started_at between v_now - interval '7 days' and v_now + interval '5 seconds'
        then 'started_at must lie within the last seven days'
      when i.id !~ '^[0-9a-f]{32}$' then 'id must be 32 hexadecimal digits'
      when i.id is not null and i.started_at is null then 'id needs started_at' end as problem
    from jsonb_array_elements(track_operations.operations) with ordinality as o (item, place)
    cross join lateral jsonb_to_record(case when jsonb_typeof(o.item) = 'object' then o.item else '{}' end)
      as i (script_name text, script_type text, tenant text, metadata jsonb, parent_hk text, started_at timestamptz, id text)
  ) as g;
  if v_problem is not null then
    raise exception using errcode = 'ST003', message = v_problem;
  elsif v_claims is null then
    return '{}';
  end if;
  for v_place in 1 .. cardinality(v_claims) loop
    v_context := script_tracking_internal.writing_context(v_claims[v_place]);
    if v_context.refused is not null then
      perform script_tracking_internal.refuse_tenant(v_context.refused, v_claims[v_place]);
    end if;
    v_tenants := v_tenants || v_context.tenant_hk;
  end loop;

  with given as materialized (
    select o.place, i.id, coalesce(i.started_at, clock_timestamp()) as started_at,
      v_tenants[array_position(v_claims, coalesce(i.tenant, v_default))] as tenant_hk,
      script_tracking_internal.redact_text(i.script_name)::varchar as script_name, i.script_type::varchar as script_type,
      case when i.id is null then script_tracking_internal.random_suffix()
        else left(encode(sha256(convert_to(format('operation of %s: %s', v_identity, i.id), 'UTF8')), 'hex'), 32) end as suffix,
      c.sql_command,
      coalesce(script_tracking_internal.declared_metadata(nullif(i.metadata, 'null')), '{}') || v_session
        || jsonb_strip_nulls(jsonb_build_object(
          'parent_hk', encode(script_tracking_internal.hex_key(i.parent_hk), 'hex'),
          'recorded_after_us', (extract(epoch from v_now - i.started_at) * 1000000)::bigint))
        || c.noted as metadata
    from jsonb_array_elements(track_operations.operations) with ordinality as o (item, place)
    cross join lateral jsonb_to_record(o.item) as i (script_name text, script_type text, tenant text, metadata jsonb,
      parent_hk text, sql_command text, started_at timestamptz, id text)
    cross join lateral script_tracking_internal.cut_statement(script_tracking_internal.redact(i.sql_command)) as c
  ), named as materialized (
    select g.*, script_tracking_internal.business_key(g.script_name, g.started_at, g.suffix) as bk from given as g
  ), keyed as materialized (
    select n.*, sha256(convert_to(n.bk, 'UTF8')) as hk from named as n
  ), new as materialized (
    select k.* from keyed as k
    where k.id is null
      or k.place = (select min(o.place) from keyed as o where o.hk = k.hk)
        and not exists (select from script_tracking.script_execution_h as h
                        where h.script_execution_hk = k.hk and h.load_date = k.started_at)
  ), hub as (
    insert into script_tracking.script_execution_h
      (script_execution_hk, script_execution_bk, tenant_hk, load_date, record_source)
    select n.hk, n.bk, n.tenant_hk, n.started_at, v_context.record_source || '/operation/v1' from new as n
  ), version as (
    insert into script_tracking.script_execution_s
      (script_execution_hk, load_date, hash_diff, script_name, script_type, execution_status, execution_timestamp,
       sql_command, metadata, record_source, tenant_hk, incarnation)
    select n.hk, clock_timestamp(),
      script_tracking_internal.hash_diff(n.tenant_hk, n.script_name, n.script_type, 'RUNNING', n.started_at, null,
        session_user::varchar, inet_client_addr(), null, n.sql_command, null, n.metadata),
      n.script_name, n.script_type, 'RUNNING', n.started_at, n.sql_command, n.metadata,
      v_context.record_source || '/operation/v1', n.tenant_hk, v_context.incarnation
    from new as n
  ), state as (
    insert into script_tracking_internal.running_operation
      (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)
    select n.hk, n.tenant_hk, n.script_type, n.started_at, v_identity, n.started_at from new as n
  )
  select array_agg(k.hk order by k.place) into v_hks from keyed as k;
  return v_hks;
end
$function$;
comment on function script_tracking.track_operations(jsonb) is
  'Begins many operations: an array of objects with the arguments of track_operation, and started_at and id for late delivery; their keys in that order. ST002, ST003 as track_operation, and then none is begun';
