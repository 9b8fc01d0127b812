-- requires: capture/statement_batch.sql, capture/attempt_mac.sql, capture/emit_end.sql, capture/state_mac.sql, capture/count_loss.sql, vault/record_execution.sql, tenancy/writing_context.sql, operation/session_metadata.sql
-- ddl_command_end: writes hub row and satellite row of a DDL statement that succeeded.
-- Fail-open: whatever goes wrong in here is counted and logged, and the user's statement goes on. Two exceptions: a
-- transaction made read-only within the statement, and a stack that is used up.
create or replace function script_tracking.event_trigger_ddl_end()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = '1'
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
set lock_timeout = '1s'
set plan_cache_mode = force_generic_plan
as $function$
declare
  v_began      timestamptz := clock_timestamp();
  v_batch      text;
  v_state      text;
  v_attempt    text;
  v_outer      text := '';
  v_start      text;
  v_id         text;
  v_dropped    text;
  v_attempts   text;
  v_claim      text;
  v_started_at timestamptz := statement_timestamp();
  v_objects    jsonb;
  v_names      text[];
  v_member     boolean;
  v_temporary  boolean;
  v_ours       boolean;
  v_members    bigint;
  v_command    record;
  v_count      bigint := 0;
  v_context    record;
  v_refused    jsonb;
  v_duration   bigint;
  v_metadata   jsonb;
  v_hk         bytea;
  v_emits      boolean := false;
  v_payload    text;
  v_lsn        pg_lsn;
begin
  -- DDL cannot begin in a read-only transaction. Whoever made it one in the middle of the statement would leave
  -- neither a record nor, since sequences stand still as well, a count: the one statement that is refused.
  if current_setting('transaction_read_only') = 'on' then
    raise exception using errcode = '25006',
      message = format('cannot execute %s: the transaction has become read-only within the statement', tg_tag);
  end if;
  begin
    -- not in the declarations: the handler below does not cover those
    v_batch := script_tracking_internal.statement_batch();
    v_state := coalesce(current_setting('script_tracking_internal.attempts', true), '');
    v_dropped := coalesce(current_setting('script_tracking_internal.dropped', true), '');
    v_attempts := v_state;
    v_claim := nullif(current_setting('script_tracking.tenant', true), '');

    -- the innermost attempt that is still open belongs to this end; whoever meddled with the state gets the statement's
    -- start and a new id
    if starts_with(v_state, v_batch || ';') then
      v_attempt := split_part(split_part(v_state, ',', -2), ';', -1);
      v_start := split_part(v_attempt, ':', 1);
      v_id := split_part(v_attempt, ':', 2);
      if length(v_start) between 10 and 17 and translate(v_start, '0123456789', '') = ''
        and length(v_id) = 32 and translate(v_id, '0123456789abcdef', '') = ''
        and split_part(v_attempt, ':', 3) = tg_tag
      then
        v_started_at := least(greatest(v_started_at, to_timestamp(v_start::numeric / 1000000)), v_began);
        v_state := left(v_state, - length(v_attempt) - 1);
        v_outer := split_part(split_part(v_state, ';', 3), ',', -2);
        v_state := set_config('script_tracking_internal.attempts', v_state, false);
      else
        v_id := null;
        v_attempt := null;
      end if;
    end if;

    -- a loop over what is most often one row costs half of an aggregate
    for v_command in
      select c.object_type, c.schema_name, c.object_identity, c.objid, c.in_extension
      from pg_event_trigger_ddl_commands() as c
    loop
      v_count := v_count + 1;
      if v_count <= 1000 then
        v_objects := coalesce(v_objects, '[]') || jsonb_strip_nulls(jsonb_build_object(
          'type', v_command.object_type, 'schema', v_command.schema_name, 'name', v_command.object_identity,
          'oid', nullif(v_command.objid, 0), 'temporary', nullif(v_command.schema_name = 'pg_temp', false)));
        v_names := array_append(v_names, v_command.object_identity);
      end if;
      v_member := coalesce(v_member, true) and coalesce(v_command.in_extension, false);
      v_temporary := coalesce(v_temporary, true) and coalesce(v_command.schema_name = 'pg_temp', false);
      -- a policy or trigger has no schema of its own
      v_ours := coalesce(v_ours, true) and case when v_command.object_type in ('policy', 'trigger')
        then v_command.object_identity ~ ' on script_tracking(_internal)?[.][a-z0-9_]+$'
        else coalesce(v_command.schema_name in ('script_tracking', 'script_tracking_internal'), false) end;
    end loop;

    if v_dropped <> '' then
      v_state := set_config('script_tracking_internal.dropped', '', false);
      if left(v_dropped, 64) <> script_tracking_internal.state_mac(v_attempts, substr(v_dropped, 65)) then
        v_dropped := '';  -- left over from another statement, or not the trigger's own
      end if;
    end if;
    if v_dropped <> '' then
      v_objects := coalesce(v_objects, '[]') || substr(v_dropped, 65)::jsonb;
      select array_agg(o.value ->> 'name') filter (where o.value ? 'name'),
             bool_and(coalesce((o.value ->> 'temporary')::boolean, false))
        into v_names, v_temporary
      from jsonb_array_elements(v_objects) as o;
    end if;

    -- a member of an extension is told by the extension's own record
    if v_member and tg_tag not in ('CREATE EXTENSION', 'ALTER EXTENSION') then
      perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'extension member');
      return;
    end if;
    if v_temporary then
      perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'temporary');
      v_count := nextval('script_tracking_internal.temporary_ddl_seq');
      return;
    end if;
    -- The installer and upkeep keep their own ledger. They are known by the lock that they hold; as anybody may take a
    -- lock, it counts for objects that only the owner can make, and for whoever may act as the owner.
    if coalesce(v_ours, false) or (
      coalesce(current_setting('script_tracking_internal.installing', true), '') = 'on'
      and pg_has_role(script_tracking_internal.session_identity(), 'script_tracking_owner', 'member'))
    then
      -- asked only here: reading pg_locks is slow
      if exists (
        select from pg_locks as l
        where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.granted
          and l.classid = 1 and l.objid = 1706906805 and l.objsubid = 1)
      then
        perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'tracker');
        return;
      end if;
    end if;
    if cardinality(v_names) > 1 or v_names[1] is null then
      v_names := nullif(
        array(select distinct n.name from unnest(v_names) as n (name) where n.name is not null order by n.name), '{}');
    end if;
    if tg_tag = 'CREATE EXTENSION' then
      select count(*) into v_members
      from pg_depend as d join pg_extension as e on e.oid = d.refobjid
      where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
        and e.oid = (v_objects -> 0 ->> 'oid')::oid;
    end if;

    v_context := script_tracking_internal.writing_context(v_claim);
    if v_claim is not null and v_context.refused is not null then
      v_refused := jsonb_build_object('claim', left(v_claim, 100), 'reason', v_context.refused);
      v_count := nextval('script_tracking_internal.refused_claim_seq');
    end if;
    -- from the level failures on, an attempt is one that the start told the write-ahead log
    v_emits := v_context.capture_level <> 'basic' and current_setting('wal_level') = 'logical';
    if v_emits and v_id is not null and v_attempt <> concat(v_start, ':', v_id, ':', tg_tag, ':',
      script_tracking_internal.attempt_mac(
        v_context.state_key, v_batch, v_outer, concat(v_start, ':', v_id, ':', tg_tag)))
    then
      v_id := null;
    end if;
    if v_id is null then
      v_id := script_tracking_internal.random_suffix();
      v_outer := '';
    end if;
    v_duration := (extract(epoch from v_began - v_started_at) * 1000000)::bigint;
    v_metadata := script_tracking_internal.session_metadata('trigger') || jsonb_strip_nulls(jsonb_build_object(
      'duration_us', v_duration,
      'objects', v_objects,
      'attempt_id', v_id,
      'nested', case when v_outer <> '' then true end,
      'extension_members', v_members,
      'refused_tenant_claim', v_refused,
      'tracking_us', (extract(epoch from clock_timestamp() - v_began) * 1000000)::bigint));
    v_hk := script_tracking_internal.record_execution(
      v_context.tenant_hk, v_context.incarnation, v_context.record_source || '/event_trigger/v1',
      tg_tag::varchar, 'DDL', case when v_objects is null then 'NOOP' else 'COMPLETED' end,
      v_started_at, v_duration, v_names, current_query(), v_metadata, v_id);
  exception
    when statement_too_complex then
      raise;  -- the caller has used up the stack, which leaves none to count a loss with
    when others then
      begin
        perform script_tracking_internal.count_loss(tg_tag, sqlstate, sqlerrm);
        perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'lost', sqlstate);
      exception when others then
        raise log 'script_tracking: record of % lost and not counted: % %', tg_tag, sqlstate, sqlerrm;
      end;
  end;

  -- a block of its own: what keeps the message from being emitted does not take the record with it
  if v_hk is not null and v_emits then
    begin
      v_payload := json_build_object(
        'v', 1, 'e', 'end', 'id', v_id, 'xid', pg_current_xact_id()::text,
        'at', (extract(epoch from clock_timestamp()) * 1000000)::bigint, 'pid', pg_backend_pid())::text;
      v_lsn := script_tracking_internal.emit_message(
        v_context.message_inner_key, v_context.message_outer_key, v_payload);
    exception when others then
      raise log 'script_tracking: end of % not emitted: % %', tg_tag, sqlstate, sqlerrm;
    end;
  end if;
end
$function$;
comment on function script_tracking.event_trigger_ddl_end() is 'Records a DDL statement that succeeded; never fails it';
