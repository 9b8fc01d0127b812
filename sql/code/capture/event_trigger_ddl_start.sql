-- requires: vault/utf8_text.sql, capture/statement_batch.sql, capture/attempt_mac.sql, capture/emit_message.sql, capture/redacted_query.sql, capture/redacted_nested.sql, capture/announced_claims.sql, vault/random_suffix.sql, vault/redact.sql, redaction/may_hold_secret.sql, capture/real_statement.sql, tenancy/session_identity.sql, capture/count_unannounced.sql, capture/log_fault.sql, capture/drops_tracker.sql, capture/drops_owned.sql, capture/concurrent_on_tracker.sql, capture/installation_lock.sql
-- ddl_command_start: gives the attempt its id and notes it in session state; from the level failures on it also tells
-- the write-ahead log, which keeps it when the statement fails or is rolled back.
-- It must not write a table nor take a transaction id, which would break DROP INDEX CONCURRENTLY.
-- The state is a stack, because DDL may run DDL: "<batch>;<ordinal>;<start>:<id>:<ordinal>:<tag>:<mac>,<start>:...,".
create or replace function script_tracking.event_trigger_ddl_start()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set lock_timeout = '1s'
as $function$
declare
  v_batch   text;
  v_state   text;
  v_outer   text;
  v_ordinal text;
  v_attempt text;
  v_mac     text;
  v_key     record;
  v_query   text;
  v_said    text;
  v_context text;
  v_real    text;
  v_parent  text;
  v_payload text;
  v_lsn     pg_lsn;
  v_again   boolean;
begin
  -- not in the declarations: the handler below does not cover those
  v_batch := script_tracking_internal.statement_batch();
  v_state := current_setting('script_tracking_internal.attempts', true);
  v_ordinal := '1';
  if starts_with(v_state, v_batch || ';') then
    v_ordinal := split_part(v_state, ';', 2);
    v_state := split_part(v_state, ';', 3);
    v_outer := split_part(v_state, ',', -2);
    v_ordinal := case when length(v_ordinal) between 1 and 9 and translate(v_ordinal, '0123456789', '') = ''
      then (v_ordinal::integer + 1)::text else '1' end;
  else
    v_state := null;
  end if;
  v_attempt := concat(extract(epoch from clock_timestamp()), ':', script_tracking_internal.random_suffix(), ':', v_ordinal, ':', tg_tag);

  if current_setting('wal_level') = 'logical' then
    loop
    begin
      select i.capture_level, i.state_key, i.message_inner_key, i.message_outer_key into v_key
      from script_tracking_internal.installation as i;
      if v_key.capture_level <> 'basic' then
        -- an attempt around this one that is not the triggers' own is none
        if v_outer <> '' then
          if right(v_outer, 32) <> script_tracking_internal.attempt_mac(
            v_key.state_key, v_batch, split_part(v_state, ',', -3), left(v_outer, -33))
          then
            v_outer := '';
            v_state := '';
          end if;
        end if;
        v_mac := script_tracking_internal.attempt_mac(v_key.state_key, v_batch, v_outer, v_attempt);
        v_query := current_query();
        -- searched for secrets together, as most often none of them holds any
        if v_again is null and length(v_query) < 1000
          and concat(current_setting('script_tracking.tenant', true), current_setting('script_tracking.app_user', true),
                     current_setting('script_tracking.change_ref', true)) = ''
          and not script_tracking_internal.may_hold_secret(concat(v_query, ' ', current_setting('application_name')))
        then
          v_said := ', "app": ' || to_json(current_setting('application_name'))::text;
        else
          v_said := script_tracking_internal.announced_claims();
          if v_again then
            v_query := script_tracking_internal.utf8_text(v_query, false);
            v_said := script_tracking_internal.utf8_text(v_said, true);
          end if;
          v_query := case when length(v_query) < 1000 then script_tracking_internal.redact(v_query)
            else script_tracking_internal.redacted_query(v_key.state_key, v_batch) end;
        end if;
        get diagnostics v_context = pg_context;
        if length(v_query) > 4096 or v_outer <> '' or v_context like e'%\n%' then
          if v_context like e'%\n%' then
            v_real := script_tracking_internal.redacted_nested(v_key.state_key, script_tracking_internal.real_statement(v_context));
            if v_again then
              v_real := script_tracking_internal.utf8_text(v_real, false);
            end if;
          end if;
          v_parent := to_json(nullif(split_part(v_outer, ':', 2), ''))::text;
          v_said := concat(v_said,
            ', "sql_sha256": "' || case when length(v_query) > 4096 then encode(sha256(convert_to(v_query, 'UTF8')), 'hex') end || '"',
            ', "statement": ' || to_json(left(v_real, 4096))::text);
        end if;
        -- as text, which is quicker than any builder of JSON; what is no number and was not made here is quoted by to_json
        v_payload := format('{"v": 1, "e": "start", "id": "%s", "tag": "%s", "at": %s, "stmt": %s, "xact": %s, "pid": %s, '
            '"user": %s, "role": %s, "ip": %s, "batch": "%s", "ordinal": %s, "parent": %s, "sql": %s, "sql_len": %s%s}',
          substr(v_attempt, 19, 32), tg_tag, replace(left(v_attempt, 17), '.', ''), split_part(v_batch, '-', 1),
          replace(extract(epoch from transaction_timestamp())::text, '.', ''), pg_backend_pid(),
          to_json(session_user), to_json(script_tracking_internal.session_identity()),
          coalesce(to_json(host(inet_client_addr()))::text, 'null'), v_batch, v_ordinal, coalesce(v_parent, 'null'),
          to_json(left(v_query, 4096)), length(v_query), v_said);
        v_lsn := script_tracking_internal.emit_message(v_key.message_inner_key, v_key.message_outer_key, v_payload);
      end if;
      exit;
    exception when others then
      if v_again is null and sqlstate in ('22021', '22P05') then  -- bytes that are no UTF-8: with these told otherwise
        v_again := true;
        continue;
      end if;
      perform script_tracking_internal.count_unannounced(tg_tag, sqlstate, sqlerrm);
      exit;
    end;
    end loop;
  end if;

  v_state := set_config('script_tracking_internal.attempts',
    concat(v_batch, ';', v_ordinal, ';', v_state, v_attempt, ':', v_mac, ','), false);
  if tg_tag in ('DROP SCHEMA', 'ALTER SCHEMA', 'DROP OWNED', 'ALTER TABLE', 'CREATE INDEX', 'DROP INDEX') then
    v_said := null;
    if tg_tag in ('DROP SCHEMA', 'ALTER SCHEMA', 'DROP OWNED') then
      get diagnostics v_context = pg_context;
      v_real := coalesce(script_tracking_internal.real_statement(v_context), current_query());
      if (case when tg_tag = 'DROP OWNED' then script_tracking_internal.drops_owned(v_real)
        else script_tracking_internal.drops_tracker(v_real) end)
      then
        v_said := 'it would take the tracker away, or its record';
      end if;
    -- which stands alone: what is long is a script, and not looked through for each statement of it
    elsif octet_length(current_query()) < 10000 and current_query() ~~* '%concurrently%' then
      if script_tracking_internal.concurrent_on_tracker(current_query()) then
        v_said := 'only the installer changes the tracker''s schemas, and what is done concurrently is half done when it is refused later';
      end if;
    end if;
    if v_said is not null and script_tracking_internal.installation_lock() is null then
      perform nextval('script_tracking_internal.guarded_ddl_seq');
      raise exception using errcode = 'ST009',
        message = format('%s refused: %s', tg_tag, v_said),
        hint = 'script-tracking-exporter schema uninstall takes it away. What a superuser has to do by hand: docs/operations.md.';
    end if;
  end if;
exception when sqlstate 'ST009' then
  raise;
when others then
  begin
    perform script_tracking_internal.count_unannounced(tg_tag, sqlstate, sqlerrm);
  exception when others then
    begin
      perform script_tracking_internal.log_fault(concat('start of ', tg_tag, ' not noted and not counted'), sqlstate, sqlerrm);
    exception when others then
      raise log 'script_tracking: start of % not noted and not counted: %', tg_tag, sqlstate;
    end;
  end;
end
$function$;
comment on function script_tracking.event_trigger_ddl_start() is
  'Gives a DDL statement its attempt id, in session state and, from the level failures on, in the write-ahead log; writes nothing';
