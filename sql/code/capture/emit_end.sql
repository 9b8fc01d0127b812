-- requires: capture/attempt_mac.sql, capture/emit_message.sql
-- Tells the write-ahead log that an attempt came to its end without a record, and why: without it a missing record would
-- read as a failure. Nothing at the level basic, nor for an attempt that is not the triggers' own.
-- "skip": left out by design; "lost": the SQLSTATE that kept its record from being written.
create or replace function script_tracking_internal.emit_end(
  p_batch text, p_outer text, p_attempt text, p_why text, p_reason text)
returns void
language plpgsql volatile
as $function$
declare
  v_own     text := pg_catalog.left(p_attempt, -33);
  v_key     record;
  v_payload text;
begin
  if p_attempt is null or pg_catalog.current_setting('wal_level') <> 'logical' then
    return;
  end if;
  select i.capture_level, i.state_key, i.message_inner_key, i.message_outer_key into v_key
  from script_tracking_internal.installation as i;
  if v_key.capture_level <> 'basic'
    and p_attempt = v_own || ':' || script_tracking_internal.attempt_mac(v_key.state_key, p_batch, p_outer, v_own)
  then
    v_payload := pg_catalog.json_build_object(
      'v', 1, 'e', 'end', 'id', pg_catalog.split_part(v_own, ':', 2),
      'xid', pg_catalog.pg_current_xact_id_if_assigned()::text,
      'at', (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::bigint, 'pid', pg_catalog.pg_backend_pid(),
      p_why, p_reason)::text;
    perform script_tracking_internal.emit_message(v_key.message_inner_key, v_key.message_outer_key, v_payload);
  end if;
end
$function$;
