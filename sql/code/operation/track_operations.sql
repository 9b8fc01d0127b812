-- requires: vault/utf8_text.sql, capture/count_loss.sql, vault/business_key.sql, vault/random_suffix.sql, vault/hash_diff.sql, vault/cut_statement.sql, vault/redact.sql, vault/declared_metadata.sql, tenancy/writing_context.sql, operation/session_claims.sql, operation/session_metadata.sql, operation/refuse_tenant.sql, operation/hex_key.sql, operation/check_operations.sql, redaction/redact_text.sql, redaction/may_hold_secret.sql
-- Begins many operations at once, or none: record_execution() for a set, in one statement for hub, version and state row.
-- started_at is for a client that could not tell in time, by the server's clock; what was delivered late says by how much.
-- With id, 32 hexadecimal digits of the client's choice, an operation that is delivered again is recognised and not recorded
-- again. The key's suffix is derived from id and role: nobody can choose the key of somebody else's attempt.
-- What costs a call for each of them, a row of a function, a plpgsql function, a builder of JSON, stands where it is needed alone.
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
  -- 256 strong random bits that nobody sees: what is hashed of them is as hard to guess as if each had its own, which cost more
  v_seed     bytea := convert_to(script_tracking_internal.random_suffix() || script_tracking_internal.random_suffix(), 'UTF8');
  v_default  text := nullif(current_setting('script_tracking.tenant', true), '');
  v_user     varchar := session_user;
  v_client   inet := inet_client_addr();
  v_good     boolean;
  v_suspect  boolean;
  v_claims   text[];
  v_context  record;
  v_tenants  bytea[] := '{}';
  v_hks      bytea[];
begin
  if jsonb_typeof(track_operations.operations) is distinct from 'array' then
    raise exception using errcode = 'ST003', message = 'operations must be a JSON array';
  end if;
  if getdatabaseencoding() <> 'UTF8' then
    operations := script_tracking_internal.utf8_text(track_operations.operations::text, true);
    v_session := script_tracking_internal.utf8_text(v_session::text, true);
  end if;
  -- all of them at once: which one is bad, and in what, is asked only where one is
  begin
    select bool_and(coalesce(
        i.item - array['script_name', 'script_type', 'tenant', 'metadata', 'parent_hk', 'sql_command', 'started_at', 'id'] = '{}'
        and length(i.script_name) between 1 and 1000 and length(i.script_type) between 1 and 63
        and (i.metadata is null or jsonb_typeof(i.metadata) = 'object')
        and (i.parent_hk is null or script_tracking_internal.hex_key(i.parent_hk) is not null)
        and (i.started_at is null or i.started_at between v_now - interval '7 days' and v_now + interval '5 seconds')
        -- what a regular expression would say, in a fraction of its time
        and (i.id is null or length(i.id) = 32 and ltrim(i.id, '0123456789abcdef') = '' and i.started_at is not null), false))
        and string_agg(i.script_type, '') collate "C" !~ '[[:cntrl:]]',
      script_tracking_internal.may_hold_secret(string_agg(i.script_name, ' ')),
      array_agg(distinct coalesce(i.tenant, v_default))
    into v_good, v_suspect, v_claims
    from rows from (
      jsonb_array_elements(track_operations.operations),
      jsonb_to_recordset(track_operations.operations) as (script_name text, script_type text, tenant text, metadata jsonb,
        parent_hk text, started_at timestamptz, id text))
      as i (item, script_name, script_type, tenant, metadata, parent_hk, started_at, id);
  exception when data_exception then
    v_good := false;
  end;
  if not v_good then
    perform script_tracking_internal.check_operations(track_operations.operations, v_now);
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
  if getdatabaseencoding() <> 'UTF8' then
    if script_tracking_internal.utf8_text(concat(v_user, v_identity), false) <> concat(v_user, v_identity) then
      v_hks := array_fill(null::bytea, array[jsonb_array_length(track_operations.operations)]);
      for v_place in 1 .. cardinality(v_hks) loop
        perform script_tracking_internal.count_loss(
          'an operation', '22021', 'the role''s name is no text in the database''s encoding');
      end loop;
      return v_hks;
    end if;
  end if;

  with given as materialized (
    select k.*, sha256(convert_to(k.bk, 'UTF8')) as hk
    from (
      select r.place, r.id, r.started_at, r.tenant_hk, r.script_name, r.script_type,
        case when c.noted is null then r.sql_command else c.sql_command end as sql_command,
        case when c.noted is null then r.metadata else r.metadata || c.noted end as metadata,
        script_tracking_internal.business_key(r.script_name, r.started_at, r.suffix) as bk
      from (
        select i.place, i.id, coalesce(i.started_at, clock_timestamp()) as started_at,
          v_tenants[array_position(v_claims, coalesce(i.tenant, v_default))] as tenant_hk,
          case when v_suspect then script_tracking_internal.redact_text(i.script_name)::varchar else i.script_name end as script_name,
          i.script_type, script_tracking_internal.redact(i.sql_command) as sql_command,
          left(encode(sha256(case when i.id is null then v_seed || int8send(i.place)
            else convert_to(format('operation of %s: %s', v_identity, i.id), 'UTF8') end), 'hex'), 32) as suffix,
          case when i.metadata is null and i.parent_hk is null and i.started_at is null then v_session
            else coalesce(script_tracking_internal.declared_metadata(i.metadata), '{}') || v_session
              || jsonb_strip_nulls(jsonb_build_object(
                'parent_hk', case when i.parent_hk is not null then encode(script_tracking_internal.hex_key(i.parent_hk), 'hex') end,
                'recorded_after_us', (extract(epoch from v_now - i.started_at) * 1000000)::bigint)) end as metadata
        from rows from (
          jsonb_to_recordset(track_operations.operations) as (script_name varchar, script_type varchar, tenant text,
            metadata jsonb, parent_hk text, sql_command text, started_at timestamptz, id text))
          with ordinality as i (script_name, script_type, tenant, metadata, parent_hk, sql_command, started_at, id, place)
        offset 0) as r  -- a subquery of its own, as is the next one: so that each expression is reckoned once
      left join lateral (
        select n.sql_command, n.noted from script_tracking_internal.cut_statement(r.sql_command) as n
        where length(r.sql_command) > 1024  -- shorter ones are never cut
        offset 0) as c on true
      offset 0) as k
  ), new as materialized (
    select g.* from given as g
    where g.id is null
      or g.place in (select min(o.place) from given as o where o.id is not null group by o.hk)
        and not exists (select from script_tracking.script_execution_h as h
                        where h.script_execution_hk = g.hk and h.load_date = g.started_at)
  ), hub as (
    insert into script_tracking.script_execution_h
      (script_execution_hk, script_execution_bk, tenant_hk, load_date, record_source)
    select n.hk, n.bk, n.tenant_hk, n.started_at, v_context.record_source || '/operation/v1' from new as n
  ), version as (
    insert into script_tracking.script_execution_s
      (script_execution_hk, load_date, hash_diff, script_name, script_type, execution_status, execution_timestamp,
       db_session_user, client_ip, sql_command, metadata, record_source, tenant_hk, incarnation)
    select n.hk, clock_timestamp(),
      script_tracking_internal.hash_diff(n.tenant_hk, n.script_name, n.script_type, 'RUNNING', n.started_at, null,
        v_user, v_client, null, n.sql_command, null, n.metadata),
      n.script_name, n.script_type, 'RUNNING', n.started_at, v_user, v_client, n.sql_command, n.metadata,
      v_context.record_source || '/operation/v1', n.tenant_hk, v_context.incarnation
    from new as n
  ), state as (
    insert into script_tracking_internal.running_operation
      (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)
    select n.hk, n.tenant_hk, n.script_type, n.started_at, v_identity, n.started_at from new as n
  )
  select array_agg(g.hk order by g.place) into v_hks from given as g;
  return v_hks;
end
$function$;
comment on function script_tracking.track_operations(jsonb) is
  'Begins many operations: an array of objects with the arguments of track_operation, and started_at and id for late delivery; their keys in that order. ST002, ST003 as track_operation, and then none is begun';
