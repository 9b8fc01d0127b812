-- requires: vault/utf8_text.sql, capture/count_loss.sql, vault/business_key.sql, vault/random_suffix.sql, vault/hash_diff.sql, vault/cut_statement.sql, vault/redact.sql, vault/declared_metadata.sql, tenancy/writing_context.sql, operation/session_claims.sql, operation/session_metadata.sql, operation/refuse_tenant.sql, operation/hex_key.sql, operation/check_operations.sql, redaction/redact_text.sql, redaction/may_hold_secret.sql
-- Begins many operations at once, or none: record_execution() for a set, in one statement for hub, version and state row.
-- started_at is for a client that could not tell in time, by the server's clock; what was delivered late says by how much.
-- With id, 32 hexadecimal digits of the client's choice, an operation that is delivered again is recognised and not recorded
-- again. The key's suffix is derived from id and role: nobody can choose the key of somebody else's attempt.
-- What costs a call for each of them, a row of a function, a plpgsql function, a builder of JSON, stands where it is needed alone:
-- most often an operation has a name and a type, its tenant, session and time are the call's, and nothing in it needs JSON's escapes.
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
  v_session  jsonb;
  -- 256 strong random bits that nobody sees: what is hashed of them is as hard to guess as if each had its own, which cost more
  v_seed     bytea := decode(script_tracking_internal.random_suffix() || script_tracking_internal.random_suffix(), 'hex');
  v_default  text := nullif(current_setting('script_tracking.tenant', true), '');
  v_user     varchar := session_user;
  v_client   inet := inet_client_addr();
  v_good     boolean;
  v_plain    boolean;
  v_suspect  boolean;
  v_foreign  boolean;
  v_names    text[];
  v_types    text[];
  v_rests    jsonb[];
  v_claims   text[] := array[v_default];
  v_context  record;
  v_source   varchar;
  v_tenants  bytea[] := '{}';
  v_heads    text[] := '{}';
  v_middle   text;
  v_told     text;
  v_epoch    bigint;
  v_stamp    text;
  -- of each operation, NULL where it has nothing of its own
  v_quoted   text[];
  v_starts   timestamptz[];
  v_stamps   text[];
  v_ids      text[];
  v_places   integer[];
  v_commands text[];
  v_said     jsonb[];
  v_hks      bytea[];
begin
  if jsonb_typeof(track_operations.operations) is distinct from 'array' then
    raise exception using errcode = 'ST003', message = 'operations must be a JSON array';
  end if;
  if getdatabaseencoding() <> 'UTF8' then
    operations := script_tracking_internal.utf8_text(track_operations.operations::text, true);
  end if;
  -- All of them at once: which one is bad, and in what, is asked only where one is. The rest is what an operation has beside
  -- name and type.
  begin
    select bool_and(coalesce(length(i.script_name) between 1 and 1000 and length(i.script_type) between 1 and 63, false)),
      bool_and(i.rest is null), array_agg(i.script_name), array_agg(i.script_type), array_agg(i.rest)
    into v_good, v_plain, v_names, v_types, v_rests
    from (
      select o.item ->> 'script_name' as script_name, o.item ->> 'script_type' as script_type,
        nullif(o.item - array['script_name', 'script_type'], '{}') as rest
      from jsonb_array_elements(track_operations.operations) as o (item)
      offset 0) as i;  -- a subquery of its own, as are those below: so that each expression is reckoned once
    if v_good and not v_plain then
      select bool_and(coalesce(
        i.rest - array['tenant', 'metadata', 'parent_hk', 'sql_command', 'started_at', 'id'] = '{}'
        and coalesce(jsonb_typeof(i.rest -> 'metadata') in ('object', 'null'), true)
        and (i.rest ->> 'parent_hk' is null or script_tracking_internal.hex_key(i.rest ->> 'parent_hk') is not null)
        and (i.rest ->> 'started_at' is null
          or (i.rest ->> 'started_at')::timestamptz between v_now - interval '7 days' and v_now + interval '5 seconds')
        -- what a regular expression would say, in a fraction of its time
        and (i.rest ->> 'id' is null or length(i.rest ->> 'id') = 32
          and ltrim(i.rest ->> 'id', '0123456789abcdef') = '' and i.rest ->> 'started_at' is not null), false))
      into v_good
      from unnest(v_rests) as i (rest)
      where i.rest is not null;
    end if;
  exception when data_exception then
    v_good := false;
  end;
  if v_good then
    v_suspect := script_tracking_internal.may_hold_secret(array_to_string(v_names, ' '));
    -- what JSON writes with a backslash, or may
    if v_suspect or array_to_string(v_names || v_types, '') collate "C" ~ e'["\\\\\x01-\x1f\x7f]' then
      if array_to_string(v_types, '') collate "C" ~ '[[:cntrl:]]' then
        v_good := false;
      end if;
      if v_suspect then
        v_names := array(select script_tracking_internal.redact_text(n.name)
                         from unnest(v_names) with ordinality as n (name, place) order by n.place);
      end if;
      v_quoted := array(select concat(to_json(n.name), ', ', to_json(n.type))
                        from unnest(v_names, v_types) with ordinality as n (name, type, place) order by n.place);
    end if;
  end if;
  if not v_good then
    perform script_tracking_internal.check_operations(track_operations.operations, v_now);
  elsif v_good is null then
    return '{}';
  end if;
  if not v_plain then
    v_claims := array(select distinct coalesce(r.rest ->> 'tenant', v_default) from unnest(v_rests) as r (rest) order by 1);
  end if;
  for v_place in 1 .. cardinality(v_claims) loop
    v_context := script_tracking_internal.writing_context(v_claims[v_place]);
    if v_context.refused is not null then
      perform script_tracking_internal.refuse_tenant(v_context.refused, v_claims[v_place]);
    end if;
    v_tenants := v_tenants || v_context.tenant_hk;
    v_heads := v_heads || ('["' || encode(v_context.tenant_hk, 'hex') || '", ');
  end loop;
  select i.foreign_encoding into strict v_foreign from script_tracking_internal.installation as i;
  if v_foreign then
    if script_tracking_internal.utf8_text(concat(v_user, v_identity), false) <> concat(v_user, v_identity) then
      v_hks := array_fill(null::bytea, array[jsonb_array_length(track_operations.operations)]);
      for v_place in 1 .. cardinality(v_hks) loop
        perform script_tracking_internal.count_loss('an operation', '22021', 'the role''s name is no UTF-8');
      end loop;
      return v_hks;
    end if;
  end if;
  v_session := script_tracking_internal.session_metadata('client', v_identity, script_tracking_internal.session_claims());
  if v_foreign then
    v_session := script_tracking_internal.utf8_text(v_session::text, true);
  end if;

  v_source := v_context.record_source || '/operation/v1';
  -- what is the same in the hash_diff() of each
  v_middle := concat(', null, ', to_json(v_user), ', ', coalesce(to_json(host(v_client))::text, 'null'), ', null, ');
  v_told := v_session;
  if not v_plain then
    select array_agg(r.started_at order by r.place),
      array_agg(to_char(r.started_at, '_YYYYMMDD"T"HH24MISS.US"Z_"') order by r.place),
      array_agg(r.id order by r.place), array_agg(array_position(v_claims, coalesce(r.tenant, v_default)) order by r.place),
      array_agg(case when c.noted is null then r.sql_command else c.sql_command end order by r.place),
      array_agg(case when c.noted is null then r.metadata else coalesce(r.metadata, v_session) || c.noted end order by r.place)
    into v_starts, v_stamps, v_ids, v_places, v_commands, v_said
    from (
      select i.place, i.id, i.started_at, i.tenant, script_tracking_internal.redact(i.sql_command) as sql_command,
        case when i.metadata is not null or i.parent_hk is not null or i.started_at is not null
          then coalesce(script_tracking_internal.declared_metadata(i.metadata), '{}') || v_session
            || jsonb_strip_nulls(jsonb_build_object(
              'parent_hk', case when i.parent_hk is not null then encode(script_tracking_internal.hex_key(i.parent_hk), 'hex') end,
              'recorded_after_us', (extract(epoch from v_now - i.started_at) * 1000000)::bigint)) end as metadata
      from (
        select o.place, o.rest ->> 'tenant' as tenant, nullif(o.rest -> 'metadata', 'null') as metadata,
          o.rest ->> 'parent_hk' as parent_hk, o.rest ->> 'sql_command' as sql_command,
          (o.rest ->> 'started_at')::timestamptz as started_at, o.rest ->> 'id' as id
        from unnest(v_rests) with ordinality as o (rest, place)
        offset 0) as i
      offset 0) as r
    left join lateral (
      select n.sql_command, n.noted from script_tracking_internal.cut_statement(r.sql_command) as n
      where length(r.sql_command) > 1024  -- shorter ones are never cut
      offset 0) as c on true;
  end if;
  -- They begin in the order given, a microsecond apart, less than it takes to write one. Most often all within one second, so that
  -- their keys' time is written once.
  v_epoch := extract(epoch from v_now) * 1000000;
  if v_epoch % 1000000 + cardinality(v_names) < 1000000 then
    v_stamp := to_char(v_now, '_YYYYMMDD"T"HH24MISS.');
  else
    v_stamps := array(
      select coalesce(v_stamps[n.place], to_char(v_now + (n.place - 1) * interval '1 microsecond', '_YYYYMMDD"T"HH24MISS.US"Z_"'))
      from generate_series(1, cardinality(v_names)) as n (place) order by n.place);
  end if;

  with given as materialized (
    select k.*, sha256(convert_to(k.bk, 'UTF8')) as hk
    from (
      select p.place, v_ids[p.place] as id, coalesce(v_starts[p.place], v_now + (p.place - 1) * interval '1 microsecond') as started_at,
        coalesce(v_places[p.place], 1) as claim,
        concat(v_names[p.place],
          coalesce(v_stamps[p.place], concat(v_stamp, right((v_epoch + p.place - 1)::text, 6), 'Z_')),
          encode(substr(sha256(case when v_ids[p.place] is null then v_seed || int8send(p.place)
            else convert_to(format('operation of %s: %s', v_identity, v_ids[p.place]), 'UTF8') end), 1, 16), 'hex'))::varchar as bk
      from generate_series(1, cardinality(v_names)) as p (place)
      offset 0) as k
  ), fresh as materialized (  -- of those that may have been delivered before, or twice
    select min(g.place) as place
    from given as g
    where g.id is not null
      and not exists (select from script_tracking.script_execution_h as h
                      where h.script_execution_hk = g.hk and h.load_date = g.started_at)
    group by g.hk
  ), hub as (
    insert into script_tracking.script_execution_h
      (script_execution_hk, script_execution_bk, tenant_hk, load_date, record_source)
    select n.hk, n.bk, v_tenants[n.claim], n.started_at, v_source
    from given as n where n.id is null or n.place in (select f.place from fresh as f)
  ), version as (
    insert into script_tracking.script_execution_s
      (script_execution_hk, load_date, hash_diff, script_name, script_type, execution_status, execution_timestamp,
       db_session_user, client_ip, sql_command, metadata, record_source, tenant_hk, incarnation)
    select n.hk, clock_timestamp(),
      -- hash_diff(), put together
      sha256(convert_to(concat(v_heads[n.claim],
        coalesce(v_quoted[n.place], concat('"', v_names[n.place], '", "', v_types[n.place], '"')), ', "RUNNING", ',
        coalesce((extract(epoch from v_starts[n.place]) * 1000000)::bigint, v_epoch + n.place - 1), v_middle,
        coalesce(to_json(v_commands[n.place])::text, 'null'), ', null, ', coalesce(v_said[n.place]::text, v_told), ']'), 'UTF8')),
      v_names[n.place], v_types[n.place], 'RUNNING', n.started_at, v_user, v_client, v_commands[n.place],
      coalesce(v_said[n.place], v_session), v_source, v_tenants[n.claim], v_context.incarnation
    from given as n where n.id is null or n.place in (select f.place from fresh as f)
  ), state as (
    insert into script_tracking_internal.running_operation
      (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)
    select n.hk, v_tenants[n.claim], v_types[n.place], n.started_at, v_identity, n.started_at
    from given as n where n.id is null or n.place in (select f.place from fresh as f)
  )
  select array_agg(g.hk order by g.place) into v_hks from given as g;
  return v_hks;
end
$function$;
comment on function script_tracking.track_operations(jsonb) is
  'Begins many operations: an array of objects with the arguments of track_operation, and started_at and id for late delivery; their keys in that order. ST002, ST003 as track_operation, and then none is begun';
