-- requires: vault/utf8_text.sql, capture/statement_batch.sql, capture/attempt_mac.sql, capture/state_mac.sql, capture/reported_objects.sql, capture/unreported_objects.sql, capture/extension_members.sql, capture/emit_end.sql, capture/emit_message.sql, capture/redacted_query.sql, capture/redacted_nested.sql, capture/count_loss.sql, capture/real_statement.sql, capture/object_owner.sql, vault/business_key.sql, vault/record_execution.sql, vault/redact.sql, redaction/may_hold_secret.sql, redaction/redact_members.sql, redaction/redact_text.sql, tenancy/session_identity.sql, tenancy/writing_context.sql, operation/session_claims.sql, rules/matching_noise_rule.sql, capture/refuse_unrecorded.sql, capture/log_fault.sql, capture/installation_lock.sql, capture/refuse_foreign_ddl.sql
-- ddl_command_end: writes hub row and satellite row of a DDL statement that succeeded.
-- Fail-open: whatever goes wrong in here is counted and logged, and the user's statement goes on. Four exceptions: a
-- transaction made read-only within the statement, a stack that is used up, a fail-closed policy, and DDL on the tracker.
-- Long, as what it does for most statements is a run of expressions on the same variables: a function takes microseconds to call in
-- each transaction. Functions of their own have what is rare, and what several triggers do.
create or replace function script_tracking.event_trigger_ddl_end()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
set lock_timeout = '1s'
set plan_cache_mode = force_generic_plan
as $function$
declare
  v_began      timestamptz := clock_timestamp();
  v_again      boolean;
  v_query      text;
  v_batch      text;
  v_state      text;
  v_attempts   text;
  v_attempt    text;
  v_outer      text;
  v_id         text;
  v_role       name;
  v_members    bytea[];
  v_tenant     bytea;
  v_writer     record;
  v_dropped    text;
  v_claim      text;
  v_said       text;
  v_started_at timestamptz;
  v_pg_context text;
  v_real       text;
  v_command    record;
  v_class      oid;
  v_oid        oid;
  v_type       text;
  v_member     boolean;
  v_plain      boolean;
  v_objects    jsonb;
  v_told       text;
  v_more       jsonb;
  v_names      text[];
  v_temporary  boolean;
  v_count      bigint;
  v_context    record;
  v_special    jsonb;
  v_duration   bigint;
  v_metadata   jsonb;
  v_hk         bytea;
  v_emits      boolean;
  v_payload    text;
  v_lsn        pg_lsn;
begin
  loop
  begin
    -- not in the declarations: the handler below does not cover those
    get diagnostics v_pg_context = pg_context;
    v_query := current_query();
    v_batch := script_tracking_internal.statement_batch();
    v_state := current_setting('script_tracking_internal.attempts', true);
    v_claim := nullif(current_setting('script_tracking.tenant', true), '');

    -- the innermost attempt that is still open belongs to this end; whoever meddled with the state gets the statement's
    -- start and a new id
    if starts_with(v_state, v_batch || ';') then
      v_attempt := split_part(split_part(v_state, ',', -2), ';', -1);
      -- no regular expression on the way of every statement: it would build its automaton each time
      if v_attempt like concat('_________________:________________________________:%:', tg_tag, ':%') then
        v_state := set_config('script_tracking_internal.attempts', replace(v_state, v_attempt || ',', ''), false);
        if v_again is not true then  -- an error where it is no time
          v_id := substr(v_attempt, 19, 32);
          if v_id ~ '[^0-9a-f]' then  -- a class of characters is cheap
            v_id := null;
          end if;
          v_started_at := least(greatest(statement_timestamp(), to_timestamp(left(v_attempt, 17)::float8)), v_began);
        end if;
      else
        v_attempt := null;
      end if;
    end if;

    v_role := script_tracking_internal.session_identity();
    -- what writing_context() reads
    select i.incarnation, i.record_source, i.capture_level, i.state_key, i.message_inner_key, i.message_outer_key,
      i.noise_rules, i.restricted_tenants, i.memberships
      into strict v_context
    from script_tracking_internal.installation as i;
    if v_context.memberships then
      select array(select m.tenant_hk from script_tracking_internal.tenant_membership as m
                   where case when current_setting('is_superuser') = 'on' then m.role::text = quote_ident(v_role)
                     else pg_has_role(v_role, m.role, 'member') end)
        into v_members;
    end if;

    -- after the loop the last one, and how many there were; a query for the first one alone costs as much
    for v_command in
      select c.class, c.oid, c.type, c.schema, c.name, c.member, c.number
      from pg_event_trigger_ddl_commands() with ordinality as c (class, oid, part, tag, type, schema, name, member, command, number)
    loop
    end loop;
    -- one test for all on the way that is usually taken: every expression costs, in every transaction
    v_plain := v_command.number = 1 and v_command.schema is not null and not v_command.member
      and v_command.name !~~ all (array['%script_tracking%', 'auth%', '% auth.%', '%pg_temp%'])
      and v_pg_context !~~ e'%\n%'
      and concat(current_setting('script_tracking_internal.dropped', true),
                 current_setting('script_tracking_internal.installing', true)) = '';
    if v_plain and tg_tag in ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'CREATE EXTENSION', 'ALTER EXTENSION',
                              'CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE')
    then  -- what is said of a table may need a closer look
      v_plain := tg_tag in ('CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE')
        and v_query !~~* all (array['%script_tracking%', '%tach%partition%']);
    end if;
    if v_plain then
      v_told := format('[{"oid": "%s", "name": %s, "type": "%s", "schema": %s}]',
        v_command.oid, to_json(v_command.name), v_command.type, to_json(v_command.schema));
      v_names := array[v_command.name];
    else
      v_outer := nullif(split_part(split_part(v_state, ';', 3), ',', -2), '');
      if v_command.number > 0 then
        select r.objects, r.names, r.class, r.object, r.type, r.member, r.temporary
          into v_objects, v_names, v_class, v_oid, v_type, v_member, v_temporary
        from script_tracking_internal.reported_objects(tg_tag) as r;
      end if;
      v_dropped := coalesce(current_setting('script_tracking_internal.dropped', true), '');
      if v_dropped <> '' then
        v_payload := v_dropped;
        v_dropped := split_part(v_dropped, e'\n', 1);
        v_told := substr(v_dropped, 65);
        v_attempts := concat(v_state, v_attempt || ',');
        if left(v_dropped, 64) = script_tracking_internal.state_mac(v_context.state_key, v_attempts, v_told) then
          v_payload := set_config('script_tracking_internal.dropped', substr(v_payload, length(v_dropped) + 2), false);
          v_more := v_told::jsonb;
          if v_objects is null and jsonb_array_length(v_more) = 1 and v_more #>> '{0,name}' is not null
            and v_more #> '{0,temporary}' is null
          then  -- most often
            v_objects := v_more;
            v_names := array[v_more #>> '{0,name}'];
            v_temporary := false;
          else
            select jsonb_agg(n.value) filter (where not n.value ? 'rewritten'),
                   jsonb_strip_nulls(jsonb_build_object(
                     'rewritten', jsonb_agg(n.value -> 'rewritten') filter (where n.value ? 'rewritten'))),
                   array_agg(n.value ->> 'name') filter (where n.value ? 'name'),
                   bool_and(coalesce((n.value ->> 'temporary')::boolean, false)) filter (where not n.value ?| array['rewritten', 'unlisted'])
              into v_objects, v_special, v_names, v_temporary
            from jsonb_array_elements(coalesce(v_objects, '[]') || v_more) as n;
          end if;
          v_more := null;
        else
          v_dropped := '';  -- of a statement around, left over, or not the trigger's own
        end if;
      end if;

      -- whether somebody else's statement runs this one
      if v_pg_context like e'%\n%' then
        -- what REFRESH MATERIALIZED VIEW CONCURRENTLY does inside is told by its own record
        if coalesce(v_temporary, true) and split_part(v_outer, ':', 4) = 'REFRESH MATERIALIZED VIEW'
          and v_pg_context ~ '\n[^\n]{1,40}(CREATE TEMP TABLE|ALTER TABLE|DROP TABLE) pg_temp_[0-9]+[.]pg_temp_[0-9]+'
        then
          perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'folded');
          return;
        end if;
        v_real := script_tracking_internal.real_statement(v_pg_context);
        v_special := coalesce(v_special, '{}') || jsonb_strip_nulls(jsonb_build_object(
          'nested', true,
          'statement', left(script_tracking_internal.redacted_nested(v_context.state_key, v_real), 16384),
          'owner', nullif(script_tracking_internal.object_owner(v_class, v_oid),
                          script_tracking_internal.session_identity())));
      end if;
      -- a member of an extension is told by the extension's own record
      if v_member and tg_tag not in ('CREATE EXTENSION', 'ALTER EXTENSION') then
        perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'extension member');
        return;
      end if;
      if v_temporary then
        -- not recorded, but a child's rows would be the record's to its session
        if tg_tag in ('CREATE TABLE', 'ALTER TABLE') and coalesce(v_real, v_query) like any (array['%nherit%', '%NHERIT%']) then
          perform script_tracking_internal.refuse_foreign_ddl(tg_tag, v_objects);
        end if;
        perform script_tracking_internal.emit_end(v_batch, v_outer, v_attempt, 'skip', 'temporary');
        v_count := nextval('script_tracking_internal.temporary_ddl_seq');
        return;
      end if;
      -- The installer and upkeep keep their own ledger. They are known by the locks that they hold; as anybody may take the
      -- installer's, it counts for whoever may act as the owner, and upkeep's for what is the tracker's alone.
      if v_names[1] like '%script_tracking%' or current_setting('script_tracking_internal.installing', true) = 'on' then
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
      if tg_tag in ('CREATE EXTENSION', 'ALTER EXTENSION') then
        v_special := coalesce(v_special, '{}') || jsonb_build_object(
          'extension_members', script_tracking_internal.extension_members(tg_tag, v_oid));
      elsif tg_tag in ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'ALTER TABLE', 'DROP OWNED') then
        v_more := script_tracking_internal.unreported_objects(tg_tag, v_type, v_oid, coalesce(v_real, v_query));
        if v_more is not null or v_dropped <> '' then  -- in place of kinds of objects without a name
          v_objects := jsonb_path_query_array(v_objects, '$[*] ? (exists (@.name) || exists (@.unlisted))') || coalesce(v_more, '[]');
          v_names := v_names || array(select o.value ->> 'name' from jsonb_array_elements(v_more) as o);
        end if;
      end if;
      if jsonb_array_length(v_objects) > 1000 then
        select coalesce(v_special, '{}') || jsonb_strip_nulls(jsonb_build_object('objects_total',
                 sum((n.value ->> 'unlisted')::bigint) + count(*) filter (where not n.value ? 'unlisted'))),
               jsonb_agg(n.value) filter (where not n.value ? 'unlisted')
          into v_special, v_objects
        from jsonb_array_elements(v_objects) as n;
      end if;
      if cardinality(v_names) > 1 or v_names[1] is null then
        v_names := nullif(
          array(select distinct n.name from unnest(v_names) as n (name) where n.name is not null order by n.name), '{}');
      end if;

      -- or is made, or becomes, a child of what is the tracker's
      if array_to_string(v_names, ' ') like any (array['%script_tracking%', 'auth%', '% auth.%'])
        -- of a child the event triggers tell no parent, which search_path may find
        or tg_tag in ('CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE')
          and coalesce(v_real, v_query) like any (array['%script_tracking%', '%nherit%', '%NHERIT%', '%artition of%', '%ARTITION OF%'])
      then
        perform script_tracking_internal.refuse_foreign_ddl(tg_tag, v_objects);
      end if;
      v_told := v_objects::text;
    end if;

    -- decided here where there is no choice, without a call
    if v_claim is null and v_members[2] is null and not v_context.restricted_tenants then
      v_tenant := coalesce(v_members[1], sha256('system'));
    else
      v_writer := script_tracking_internal.writing_context(v_claim);
      v_tenant := v_writer.tenant_hk;
      if v_writer.refused = 'suspended' then
        v_special := coalesce(v_special, '{}') || '{"tenant_state": "suspended"}';
      elsif v_claim is not null and v_writer.refused is not null then
        v_special := coalesce(v_special, '{}') || jsonb_build_object('refused_tenant_claim', jsonb_build_object(
          'claim', left(script_tracking_internal.redact_text(v_claim), 100), 'reason', v_writer.refused));
        v_count := nextval('script_tracking_internal.refused_claim_seq');
      end if;
    end if;
    if v_context.noise_rules or v_context.capture_level <> 'basic' or v_outer is not null or v_id is null or v_again then
      if v_context.noise_rules then
        v_objects := v_told::jsonb;
        if script_tracking_internal.matching_noise_rule(tg_tag, session_user, v_role, v_objects, v_query) is not null then
          perform script_tracking_internal.emit_end(
            v_batch, coalesce(v_outer, split_part(split_part(v_state, ';', 3), ',', -2)), v_attempt, 'skip', 'noise');
          v_count := nextval('script_tracking_internal.noise_ddl_seq');
          if v_objects is not null then  -- for the comparison of the catalogs
            insert into script_tracking_internal.noise_ddl (incarnation, tag, objects)
            values (v_context.incarnation, tg_tag, v_objects);
          end if;
          return;
        end if;
      end if;
      -- from the level failures on, an attempt is one that the start told the write-ahead log
      if v_context.capture_level <> 'basic' then
        v_outer := split_part(split_part(v_state, ';', 3), ',', -2);
        if right(v_attempt, 32) = script_tracking_internal.attempt_mac(
          v_context.state_key, v_batch, v_outer, left(v_attempt, -33))
        then  -- as announced, also where the clock has stepped back
          v_emits := true;
          v_started_at := to_timestamp(left(v_attempt, 17)::float8);
        elsif current_setting('wal_level') = 'logical' then
          v_emits := true;
          v_id := null;
        end if;
      end if;
      if v_id is null or v_again then
        v_id := script_tracking_internal.random_suffix();
        v_started_at := statement_timestamp();
        v_outer := '';
        v_attempt := null;
      end if;
      if v_outer <> '' then
        if v_outer ~ '^[0-9]{10}[.][0-9]{6}:[0-9a-f]{32}:[0-9]{1,9}:[A-Z ]+:' then
          v_special := coalesce(v_special, '{}') || jsonb_build_object(
            'nested', true,
            'depth', array_length(string_to_array(v_state, ','), 1) - 1,
            'parent_hk', encode(sha256(convert_to(script_tracking_internal.business_key(
              split_part(v_outer, ':', 4)::varchar, to_timestamp(split_part(v_outer, ':', 1)::float8),
              split_part(v_outer, ':', 2)), 'UTF8')), 'hex'));
        end if;
      end if;
    end if;
    -- searched for secrets together, as most often none of them holds any
    if v_again is null and length(v_query) < 1000
      and concat(current_setting('script_tracking.app_user', true), current_setting('script_tracking.change_ref', true)) = ''
      and not script_tracking_internal.may_hold_secret(concat(v_query, ' ', current_setting('application_name')))
    then
      v_said := ', "application_name": ' || to_json(nullif(current_setting('application_name'), ''))::text;
    else
      if v_again is not null then  -- it may have been for bytes that are no UTF-8
        v_query := script_tracking_internal.utf8_text(v_query, false);
      end if;
      v_said := script_tracking_internal.session_claims();
      v_said := case when script_tracking_internal.announces_secret(v_said)
        then script_tracking_internal.redact_members(v_said) else v_said end;
      v_query := case when length(v_query) < 1000 then script_tracking_internal.redact(v_query)
        else script_tracking_internal.redacted_query(v_context.state_key, v_batch) end;
    end if;
    v_duration := greatest((extract(epoch from v_began - v_started_at) * 1000000)::bigint, 0);
    -- as text, which is quicker than any builder of JSON; what is no number and was not made here is quoted by to_json.
    -- The members in the order that jsonb keeps them in, shorter names first, which spares it to sort.
    v_metadata := format('{"pid": %s, "objects": %s, "ordinal": %s, "batch_id": "%s", "evidence": "trigger", "attempt_id": "%s", '
        '"duration_us": %s, "tracking_us": %s, "effective_role": %s%s}',
      pg_backend_pid(), coalesce(v_told, 'null'),
      case when v_attempt is not null then split_part(v_attempt, ':', 3)::integer::text else 'null' end, v_batch, v_id, v_duration,
      (extract(epoch from clock_timestamp() - v_began) * 1000000)::bigint, to_json(v_role), v_said)::jsonb;
    if v_attempt is null or v_told is null or v_special is not null or v_again is not null then
      v_metadata := jsonb_strip_nulls(v_metadata) || coalesce(v_special, '{}');
      if v_again is not null then
        v_names := nullif(array(
          select script_tracking_internal.utf8_text(n.name, false) from unnest(v_names) as n (name)), '{}');
        v_metadata := script_tracking_internal.utf8_text(v_metadata::text, true);
      end if;
    end if;
    v_hk := script_tracking_internal.record_execution(
      v_tenant, v_context.incarnation, v_context.record_source || '/event_trigger/v1',
      tg_tag::varchar, 'DDL', case when v_told is null then 'NOOP' else 'COMPLETED' end,
      v_started_at, v_duration, v_names, v_query, v_metadata, v_id);
    exit;
  exception
    when statement_too_complex or sqlstate 'ST009' then
      raise;  -- the caller has used up the stack, which leaves none to count a loss with; or it is refused
    when others then
      -- DDL cannot begin in a read-only transaction. Whoever made it one in the middle of the statement would leave
      -- neither a record nor, since sequences stand still as well, a count: the one statement that is refused.
      if current_setting('transaction_read_only') = 'on' then
        raise exception using errcode = '25006',
          message = format('cannot execute %s: the transaction has become read-only within the statement', tg_tag);
      end if;
      -- an id that stands in the record already, or what is no number, was put into the state by the session: without it, then
      -- Before that, where it is bytes that are no UTF-8: with these told otherwise.
      if v_again is not true and (sqlstate = '23505' or sqlstate like '22%') then
        v_again := v_again is not null or sqlstate not in ('22021', '22P05');
        v_objects := null;
        v_names := null;
        v_special := null;
        v_outer := null;
        v_real := null;
        continue;
      end if;
      begin
        perform script_tracking_internal.refuse_unrecorded(tg_tag, v_claim, 'its record cannot be written', sqlstate, sqlerrm);
      exception
        when sqlstate 'ST005' then
          raise;
        when others then
          begin
            perform script_tracking_internal.log_fault(concat('capture policies for ', tg_tag, ' not read'), sqlstate, sqlerrm);
          exception when others then
            raise log 'script_tracking: capture policies for % not read: %', tg_tag, sqlstate;
          end;
      end;
      begin
        perform script_tracking_internal.count_loss(tg_tag, sqlstate, sqlerrm);
        perform script_tracking_internal.emit_end(
          v_batch, coalesce(v_outer, split_part(split_part(v_state, ';', 3), ',', -2)), v_attempt, 'lost', sqlstate);
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
      -- the names are for the record of a rollback, which takes the one above away
      v_payload := format('{"v": 1, "e": "end", "id": "%s", "xid": "%s", "at": %s, "pid": %s, "names": %s}', v_id,
        pg_current_xact_id(), replace(extract(epoch from clock_timestamp())::text, '.', ''), pg_backend_pid(),
        coalesce(to_json(v_names[1:20])::text, 'null'));
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
