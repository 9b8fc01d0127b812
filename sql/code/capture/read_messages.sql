-- requires: capture/lock_capture.sql, capture/slot_name.sql, capture/peek_slot.sql, capture/parse_message.sql, capture/open_message.sql, capture/give_up_attempts.sql, capture/slot_horizon.sql, vault/business_key.sql
-- Second step of a round: takes what the event triggers announced from the log into the table of attempts. The slot is
-- only peeked at; once this is committed, advance_messages() lets the server forget it, so that nothing is lost between.
-- It stops in time on a slow machine, as cut off by a timeout it would begin with the same messages again, for ever. But
-- never within a transaction: the slot goes on from the end of one only, so it would be handed out whole again.
-- started: new attempts, refused: messages that somebody else emitted, behind: whether there is more to read.
-- All are NULL where there is no slot, or where another reader is at it.
create or replace function script_tracking_internal.read_messages(out started bigint, out refused bigint, out behind boolean)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_most_changes constant integer := 20000;
  v_most_bytes   constant numeric := 67108864;
  v_until        constant timestamptz := statement_timestamp() + interval '5 seconds';
  v_from         pg_lsn;
  v_end          pg_lsn;
  v_upto         pg_lsn;
  v_last         pg_lsn;
  v_state        script_tracking_internal.capture_state;
  v_incarnation  integer;
  v_row          record;
  v_rows         integer := 0;
  v_cut          boolean := false;
  v_content      bytea;
  v_payload      jsonb;
begin
  if not script_tracking_internal.lock_capture() then
    return;
  end if;
  select s.confirmed_flush_lsn into v_from from pg_replication_slots as s
  where s.slot_name = script_tracking_internal.slot_name() and s.database = current_database() and s.restart_lsn is not null;
  if not found then
    return;
  end if;
  started := 0;
  refused := 0;
  select * into strict v_state from script_tracking_internal.capture_state;
  select i.incarnation into strict v_incarnation from script_tracking_internal.installation as i;
  if v_state.read_lsn is null or v_from > v_state.read_lsn then
    perform script_tracking_internal.give_up_attempts('the log was not read from where the last reader stopped');
    v_state.read_lsn := null;
  end if;

  v_end := pg_current_wal_flush_lsn();
  v_upto := least(v_end, v_from + v_most_bytes);
  for v_row in select p.lsn, p.data from script_tracking_internal.peek_slot(v_upto, v_most_changes) as p loop
    v_rows := v_rows + 1;
    v_last := v_row.lsn;
    v_content := script_tracking_internal.parse_message(v_row.data);
    v_payload := case when v_content <> '' then script_tracking_internal.open_message(v_content) end;
    if v_content is null then
      null;  -- no message of ours, but it takes its time
    elsif v_payload is null then
      refused := refused + 1;
      perform nextval('script_tracking_internal.refused_message_seq');
    elsif v_payload ->> 'e' = 'start' then
      insert into script_tracking_internal.attempt as a (attempt_id, started_at, pid, tag, payload, incarnation)
      select v_payload ->> 'id', s.at, (v_payload ->> 'pid')::integer, v_payload ->> 'tag',
        v_payload || jsonb_strip_nulls(jsonb_build_object('parent_hk', (
          select encode(sha256(convert_to(
            script_tracking_internal.business_key(p.tag, p.started_at, p.attempt_id), 'UTF8')), 'hex')
          from script_tracking_internal.attempt as p where p.attempt_id = v_payload ->> 'parent'))),
        v_incarnation
      from (select timestamptz 'epoch' + (v_payload ->> 'at')::bigint * interval '1 microsecond' as at) as s
      on conflict (attempt_id) do nothing;
      if found then
        started := started + 1;
      end if;
    elsif v_payload ->> 'e' = 'end' then
      update script_tracking_internal.attempt as a
      set end_xid = (v_payload ->> 'xid')::xid8,
          payload = case when jsonb_typeof(v_payload -> 'names') = 'array'
            then a.payload || jsonb_build_object('names', v_payload -> 'names') else a.payload end,
          ended_at = timestamptz 'epoch' + (v_payload ->> 'at')::bigint * interval '1 microsecond',
          skipped = coalesce(v_payload ->> 'skip', case when v_payload ? 'lost' then 'lost: ' || (v_payload ->> 'lost') end)
      where a.attempt_id = v_payload ->> 'id' and a.ended_at is null and a.verdict is null;
    end if;
    -- after a commit, or a message of no transaction, which is beyond what was read before the slot forgot it; what was
    -- read of another server's log, before a restore, says nothing
    if clock_timestamp() > v_until
      and (get_byte(v_row.data, 0) = 67 or get_byte(v_row.data, 0) = 77 and get_byte(v_row.data, 1) & 1 = 0)
      and coalesce(v_row.lsn > v_state.read_lsn or v_state.read_lsn > v_end, true)
    then
      v_cut := true;
      exit;
    end if;
  end loop;

  -- the slot forgets for good what was read: that must be on the disk before, also where sessions do not wait for it
  if v_rows > 0 and current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;
  if v_rows >= v_most_changes or v_cut then
    v_upto := least(v_upto, v_last);  -- it stopped before: how far it got is told by the last change only
  end if;
  behind := v_upto < v_end;
  -- where nothing waits for it, not at every step: it would be a write a second on a server that does nothing
  if v_state.read_lsn is null or (behind and v_upto <> v_state.read_lsn) or abs(v_upto - v_state.read_lsn) > 1048576
    or (v_upto <> v_state.read_lsn and script_tracking_internal.slot_horizon() > 100)
    or (v_upto <> v_state.read_lsn and exists (select from script_tracking_internal.attempt as a where a.verdict is null))
    or (v_upto <> v_state.read_lsn and exists (select from script_tracking_internal.log_error as e where e.settled_at is null))
  then
    update script_tracking_internal.capture_state set read_lsn = v_upto;
  end if;
end
$function$;
