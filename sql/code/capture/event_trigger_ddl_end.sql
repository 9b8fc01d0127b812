-- requires: capture/statement_batch.sql, capture/attempt_mac.sql, capture/emit_end.sql, capture/redacted_query.sql, capture/state_mac.sql, capture/count_loss.sql, capture/real_statement.sql, capture/changed_partitions.sql, capture/granted_objects.sql, capture/object_owner.sql, vault/business_key.sql, vault/record_execution.sql, vault/redact.sql, redaction/redact_text.sql, tenancy/writing_context.sql, operation/session_claims.sql, operation/session_metadata.sql, rules/matching_noise_rule.sql, rules/refusing_policy.sql, capture/log_fault.sql, capture/fault_text.sql, capture/installation_lock.sql, capture/refuse_foreign_ddl.sql
-- ddl_command_end: writes hub row and satellite row of a DDL statement that succeeded.
-- Fail-open: whatever goes wrong in here is counted and logged, and the user's statement goes on. Four exceptions: a
-- transaction made read-only within the statement, a stack that is used up, a fail-closed policy, and DDL on the tracker.
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
  v_again      boolean := false;
  v_batch      text;
  v_state      text;
  v_attempts   text;
  v_attempt    text;
  v_outer      text := '';
  v_start      text;
  v_id         text;
  v_ordinal    text;
  v_dropped    text;
  v_claim      text;
  v_started_at timestamptz := statement_timestamp();
  v_pg_context text;
  v_real       text;
  v_objects    jsonb;
  v_object     jsonb;
  v_more       jsonb;
  v_names      text[];
  v_all        text;
  v_member     boolean;
  v_temporary  boolean;
  v_members    bigint;
  v_command    record;
  v_class      oid;
  v_oid        oid;
  v_type       text;
  v_count      bigint := 0;
  v_context    record;
  v_special    jsonb := '{}';
  v_duration   bigint;
  v_claims     text;
  v_sql        text;
  v_metadata   jsonb;
  v_hk         bytea;
  v_emits      boolean := false;
  v_payload    text;
  v_lsn        pg_lsn;
  v_policy     text;
begin
  -- DDL cannot begin in a read-only transaction. Whoever made it one in the middle of the statement would leave
  -- neither a record nor, since sequences stand still as well, a count: the one statement that is refused.
  if current_setting('transaction_read_only') = 'on' then
    raise exception using errcode = '25006',
      message = format('cannot execute %s: the transaction has become read-only within the statement', tg_tag);
  end if;
  loop
  begin
    -- not in the declarations: the handler below does not cover those
    get diagnostics v_pg_context = pg_context;
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
      v_ordinal := split_part(v_attempt, ':', 3);
      -- no regular expression on the way of every statement: it would build its automaton each time
      if length(v_start) = 16 and length(v_id) = 32 and length(v_ordinal) between 1 and 9
        and translate(v_start || v_ordinal, '0123456789', '') = '' and translate(v_id, '0123456789abcdef', '') = ''
        and split_part(v_attempt, ':', 4) = tg_tag
      then
        v_started_at := least(greatest(v_started_at, to_timestamp(v_start::numeric / 1000000)), v_began);
        v_state := set_config('script_tracking_internal.attempts', left(v_state, - length(v_attempt) - 1), false);
        v_outer := split_part(split_part(v_state, ';', 3), ',', -2);
      else
        v_id := null;
        v_attempt := null;
      end if;
    end if;

    -- a loop over what is most often one row costs half of an aggregate
    for v_command in
      select c.object_type, c.schema_name, c.object_identity, c.objid, c.in_extension, c.classid
      from pg_event_trigger_ddl_commands() as c
      -- what a new extension brings is its members, counted below
      where not c.in_extension or c.object_type = 'extension' or tg_tag not in ('CREATE EXTENSION', 'ALTER EXTENSION')
    loop
      v_count := v_count + 1;
      if v_count <= 1000 then
        v_object := jsonb_strip_nulls(jsonb_build_object(
          'type', v_command.object_type, 'schema', v_command.schema_name, 'name', v_command.object_identity,
          'oid', nullif(v_command.objid, 0), 'temporary', nullif(v_command.schema_name = 'pg_temp', false)));
        if v_count = 1 then
          v_class := v_command.classid;
          v_oid := v_command.objid;
          v_type := v_command.object_type;
          v_objects := jsonb_build_array(v_object);
          v_names := array[v_command.object_identity];
          v_member := coalesce(v_command.in_extension, false);
          v_temporary := coalesce(v_command.schema_name = 'pg_temp', false);
          continue;
        elsif v_object <> v_objects -> -1 then  -- create or replace view tells its view twice
          v_objects := v_objects || v_object;
          v_names := array_append(v_names, v_command.object_identity);
        end if;
      end if;
      v_member := v_member and coalesce(v_command.in_extension, false);
      v_temporary := v_temporary and coalesce(v_command.schema_name = 'pg_temp', false);
    end loop;

    if v_dropped <> '' then
      v_payload := v_dropped;
      v_dropped := split_part(v_dropped, e'\n', 1);
      if left(v_dropped, 64) = script_tracking_internal.state_mac(v_attempts, substr(v_dropped, 65)) then
        v_payload := set_config('script_tracking_internal.dropped', substr(v_payload, length(v_dropped) + 2), false);
      else
        v_dropped := '';  -- of a statement around, left over, or not the trigger's own
      end if;
    end if;
    if v_dropped <> '' then
      select nullif(coalesce(v_objects, '[]') || coalesce(jsonb_agg(n.value) filter (where not n.value ? 'rewritten'), '[]'), '[]'),
             jsonb_strip_nulls(jsonb_build_object(
               'rewritten', jsonb_agg(n.value -> 'rewritten') filter (where n.value ? 'rewritten')))
        into v_objects, v_special
      from jsonb_array_elements(substr(v_dropped, 65)::jsonb) as n;
      select array_agg(o.value ->> 'name') filter (where o.value ? 'name'),
             bool_and(coalesce((o.value ->> 'temporary')::boolean, false))
        into v_names, v_temporary
      from jsonb_array_elements(v_objects) as o;
    end if;

    -- whether somebody else's statement runs this one
    if strpos(v_pg_context, e'\n') > 0 then
      -- what REFRESH MATERIALIZED VIEW CONCURRENTLY does inside is told by its own record
      if coalesce(v_temporary, true) and split_part(v_outer, ':', 4) = 'REFRESH MATERIALIZED VIEW'
        and v_pg_context ~ '\n[^\n]{1,40}(CREATE TEMP TABLE|ALTER TABLE|DROP TABLE) pg_temp_[0-9]+[.]pg_temp_[0-9]+'
      then
        perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'folded');
        return;
      end if;
      v_real := script_tracking_internal.real_statement(v_pg_context);
      v_special := v_special || jsonb_strip_nulls(jsonb_build_object(
        'nested', true,
        'statement', left(script_tracking_internal.redact(v_real), 16384),
        'owner', nullif(script_tracking_internal.object_owner(v_class, v_oid),
                        script_tracking_internal.session_identity())));
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
    -- The installer and upkeep keep their own ledger. They are known by the locks that they hold; as anybody may take the
    -- installer's, it counts for whoever may act as the owner, and upkeep's for what is the tracker's alone.
    if strpos(v_names[1], 'script_tracking') > 0
      or coalesce(current_setting('script_tracking_internal.installing', true), '') = 'on'
    then
      if (case when coalesce(current_setting('script_tracking_internal.installing', true), '') = 'on'
          and pg_has_role(script_tracking_internal.session_identity(), 'script_tracking_owner', 'member')
        then script_tracking_internal.installation_lock() is not null
        when v_dropped = '' and not exists (
          select from jsonb_array_elements(v_objects) as o
          where not script_tracking_internal.is_own_object(o.value ->> 'type', o.value ->> 'schema', o.value ->> 'name'))
        then script_tracking_internal.installation_lock() = 'upkeep' end)
      then
        perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'tracker');
        return;
      end if;
    end if;
    -- what PostgreSQL does not report
    if tg_tag in ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'CREATE EXTENSION', 'ALTER EXTENSION')
      or tg_tag = 'ALTER TABLE' and coalesce(v_real, current_query()) ~* '(at|de)tach\s+partition'
    then
      if tg_tag in ('CREATE EXTENSION', 'ALTER EXTENSION') then
        select count(*) into v_members from pg_depend as d
        where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e' and d.refobjid = v_oid;
        v_special := v_special || jsonb_build_object('extension_members', v_members);
        perform script_tracking_internal.refuse_foreign_ddl(tg_tag, jsonb_agg(
          jsonb_build_object('type', 'extension', 'schema', n.nspname, 'name', e.extname)))
        from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace
        where e.oid = v_oid and n.nspname in ('script_tracking', 'script_tracking_internal');
      elsif tg_tag = 'ALTER TABLE' then
        v_more := script_tracking_internal.changed_partitions(v_oid, coalesce(v_real, current_query()));
      else
        v_more := script_tracking_internal.granted_objects(v_type, coalesce(v_real, current_query()));
        v_objects := case when v_more is null then v_objects else '[]' end;
      end if;
      if v_more is not null then
        v_objects := v_objects || v_more;
        v_names := v_names || array(select o.value ->> 'name' from jsonb_array_elements(v_more) as o);
      end if;
    end if;
    if cardinality(v_names) > 1 or v_names[1] is null then
      v_names := nullif(
        array(select distinct n.name from unnest(v_names) as n (name) where n.name is not null order by n.name), '{}');
    end if;

    v_all := array_to_string(v_names, ' ');
    if strpos(v_all, 'script_tracking') > 0 or starts_with(v_all, 'auth') or strpos(v_all, ' auth.') > 0 then
      perform script_tracking_internal.refuse_foreign_ddl(tg_tag, v_objects);
    end if;

    v_context := script_tracking_internal.writing_context(v_claim);
    if v_context.noise_rules and script_tracking_internal.matching_noise_rule(
      tg_tag, session_user, v_context.acting_role, v_objects, current_query()) is not null
    then
      perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'noise');
      v_count := nextval('script_tracking_internal.noise_ddl_seq');
      if v_objects is not null then  -- for the comparison of the catalogs
        insert into script_tracking_internal.noise_ddl (incarnation, tag, objects)
        values (v_context.incarnation, tg_tag, v_objects);
      end if;
      return;
    end if;
    if v_context.refused = 'suspended' then
      v_special := v_special || '{"tenant_state": "suspended"}';
    elsif v_claim is not null and v_context.refused is not null then
      v_special := v_special || jsonb_build_object(
        'refused_tenant_claim', jsonb_build_object('claim', left(script_tracking_internal.redact_text(v_claim), 100), 'reason', v_context.refused));
      v_count := nextval('script_tracking_internal.refused_claim_seq');
    end if;
    -- from the level failures on, an attempt is one that the start told the write-ahead log
    v_emits := v_context.capture_level <> 'basic' and current_setting('wal_level') = 'logical';
    if v_again or v_emits and right(v_attempt, 32) <> script_tracking_internal.attempt_mac(
      v_context.state_key, v_batch, v_outer, left(v_attempt, -33))
    then
      v_id := null;
    elsif v_emits and v_id is not null then
      v_started_at := to_timestamp(v_start::numeric / 1000000);  -- as announced, also where the clock has stepped back
    end if;
    if v_id is null then
      v_id := script_tracking_internal.random_suffix();
      v_outer := '';
      v_attempt := null;
    end if;
    if v_outer ~ '^[0-9]{16}:[0-9a-f]{32}:[0-9]{1,9}:[A-Z ]+:' then
      v_special := v_special || jsonb_build_object(
        'nested', true,
        'depth', array_length(string_to_array(v_state, ','), 1) - 1,
        'parent_hk', encode(sha256(convert_to(script_tracking_internal.business_key(
          split_part(v_outer, ':', 4)::varchar, to_timestamp(split_part(v_outer, ':', 1)::numeric / 1000000),
          split_part(v_outer, ':', 2)), 'UTF8')), 'hex'));
    end if;
    v_duration := greatest((extract(epoch from v_began - v_started_at) * 1000000)::bigint, 0);
    v_sql := case when length(current_query()) < 1000 then script_tracking_internal.redact(current_query())
      else script_tracking_internal.redacted_query(v_context.state_key, v_batch) end;
    v_claims := script_tracking_internal.session_claims();
    v_metadata := script_tracking_internal.session_metadata('trigger', v_context.acting_role, v_claims) || jsonb_strip_nulls(jsonb_build_object(
      'attempt_id', v_id,
      'batch_id', v_batch,
      'ordinal', case when v_attempt is not null then v_ordinal::integer end,
      'duration_us', v_duration,
      'objects', v_objects,
      'tracking_us', (extract(epoch from clock_timestamp() - v_began) * 1000000)::bigint)) || v_special;
    v_hk := script_tracking_internal.record_execution(
      v_context.tenant_hk, v_context.incarnation, v_context.record_source || '/event_trigger/v1',
      tg_tag::varchar, 'DDL', case when v_objects is null then 'NOOP' else 'COMPLETED' end,
      v_started_at, v_duration, v_names, v_sql, v_metadata, v_id);
    exit;
  exception
    when statement_too_complex or sqlstate 'ST009' then
      raise;  -- the caller has used up the stack, which leaves none to count a loss with; or it is refused
    when others then
      -- an id that stands in the record already was put into the state by the session: another one, then
      if sqlstate = '23505' and not v_again then
        v_again := true;
        v_objects := null;
        v_names := null;
        v_count := 0;
        v_special := '{}';
        v_started_at := statement_timestamp();
        continue;
      end if;
      begin
        v_policy := script_tracking_internal.refusing_policy(tg_tag, v_claim);
      exception when others then
        begin
          perform script_tracking_internal.log_fault(concat('capture policies for ', tg_tag, ' not read'), sqlstate, sqlerrm);
        exception when others then
          raise log 'script_tracking: capture policies for % not read: %', tg_tag, sqlstate;
        end;
      end;
      if v_policy is not null then
        raise exception using errcode = 'ST005',
          message = format('%s refused: its record cannot be written, and the policy is %s', tg_tag, v_policy),
          detail = 'What kept it from being written: ' || script_tracking_internal.fault_text(sqlstate, sqlerrm),
          hint = 'A superuser lifts the policy by script_tracking.set_capture_policy() or repairs the tracker: see docs/operations.md.';
      end if;
      begin
        perform script_tracking_internal.count_loss(tg_tag, sqlstate, sqlerrm);
        perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'lost', sqlstate);
        -- the state was rolled back with the record
        v_state := set_config('script_tracking_internal.attempts', v_state, false)
          || set_config('script_tracking_internal.dropped', '', false);
      exception when others then
        begin
          perform script_tracking_internal.log_fault(concat('loss of ', tg_tag, ' not announced'), sqlstate, sqlerrm);
        exception when others then
          raise log 'script_tracking: loss of % not announced: %', tg_tag, sqlstate;
        end;
      end;
      return;
  end;
  end loop;

  -- a block of its own: what keeps the message from being emitted does not take the record with it
  if v_emits then
    begin
      v_payload := json_build_object(
        'v', 1, 'e', 'end', 'id', v_id, 'xid', pg_current_xact_id()::text,
        'at', (extract(epoch from clock_timestamp()) * 1000000)::bigint, 'pid', pg_backend_pid())::text;
      v_lsn := script_tracking_internal.emit_message(
        v_context.message_inner_key, v_context.message_outer_key, v_payload);
    exception when others then
      begin
        perform script_tracking_internal.log_fault(concat('end of ', tg_tag, ' not emitted'), sqlstate, sqlerrm);
      exception when others then
        raise log 'script_tracking: end of % not emitted: %', tg_tag, sqlstate;
      end;
    end;
  end if;
end
$function$;
comment on function script_tracking.event_trigger_ddl_end() is
  'Records a DDL statement that succeeded; fails it only where a policy says so';
