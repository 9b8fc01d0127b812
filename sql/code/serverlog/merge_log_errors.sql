-- requires: capture/lock_capture.sql, serverlog/log_time.sql, redaction/redact_quoting.sql, redaction/redact_text.sql, vault/redact.sql, serverlog/settle_log_errors.sql
-- For the daemon: takes over what it found in a stretch of the log, and that the log was read so far. One that read from
-- where another has read on meanwhile changes nothing: moved is then false. unsettled: errors that still wait for their
-- attempt; NULL where another reader of capture is at it, and nothing was looked at.
-- p_batch: from (file, at; null the first time), to (format, file, at, mark, marked, modified, looked_at: what was logged before that
-- is in what was handed over, or behind), behind, unparsed, gaps,
-- entries (at, user, pid, host, session, line, session_start, tag, txid, ends_session, sqlstate, message, detail, hint, query,
-- context, statement, position, application).
create or replace function script_tracking_internal.merge_log_errors(p_batch jsonb)
returns table (moved boolean, unsettled bigint)
language plpgsql volatile
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
as $function$
#variable_conflict use_column
declare
  v_incarnation integer;
  v_position    script_tracking_internal.log_position;
  v_to          jsonb := p_batch -> 'to';
begin
  -- shared with those who judge attempts: both change them
  if not script_tracking_internal.lock_capture() then
    moved := false;
    return next;
    return;
  end if;
  select i.incarnation into strict v_incarnation from script_tracking_internal.installation as i;
  select p.* into v_position from script_tracking_internal.log_position as p where p.incarnation = v_incarnation;
  moved := v_position.file_name is not distinct from (p_batch -> 'from' ->> 'file')
    and v_position.read_to is not distinct from (p_batch -> 'from' ->> 'at')::bigint;
  if moved then
    insert into script_tracking_internal.log_error (session_id, line, logged_at, session_start, pid, entry)
    select e.value ->> 'session', (e.value ->> 'line')::bigint, script_tracking_internal.log_time(e.value ->> 'at'),
      script_tracking_internal.log_time(e.value ->> 'session_start'), (e.value ->> 'pid')::integer,
      jsonb_strip_nulls(jsonb_build_object(
        'user', e.value -> 'user', 'host', e.value -> 'host',
        'application_name', script_tracking_internal.redact_text(e.value ->> 'application'),
        'tag', substring(e.value ->> 'tag' from '^[A-Z ]{1,63}$'), 'txid', e.value -> 'txid', 'ends_session', e.value -> 'ends_session', 'crash', e.value -> 'crash',
        'sqlstate', e.value -> 'sqlstate',
        'statement', left(r.statement, m.characters),
        'statement_characters', case when length(r.statement) > m.characters then length(r.statement) end,
        'statement_sha256', case when length(r.statement) > m.characters
          then encode(sha256(convert_to(r.statement, 'UTF8')), 'hex') end,
        -- what the start trigger announces of the client string is cut at this length
        'statement_start', left(r.statement, 4096),
        'position', e.value -> 'position',
        'message', left(x.message, 16384), 'detail', left(x.detail, 4096), 'hint', left(x.hint, 4096),
        'query', left(x.query, 4096), 'context', left(x.context, 4096)))
    from jsonb_array_elements(p_batch -> 'entries') as e
    cross join lateral (
      -- offset 0: once, and not anew in each place where it is used
      select script_tracking_internal.redact(e.value ->> 'statement') as statement offset 0) as r
    cross join lateral (
      select script_tracking_internal.redact_quoting(t.message, t.statement, r.statement, t.sqlstate) as message,
        script_tracking_internal.redact_quoting(t.detail, t.statement, r.statement, t.sqlstate) as detail,
        script_tracking_internal.redact_quoting(t.hint, t.statement, r.statement, null) as hint,
        script_tracking_internal.redact_quoting(t.query, t.statement, r.statement, null) as query,
        script_tracking_internal.redact_quoting(t.context, t.statement, r.statement, null) as context
      from jsonb_to_record(e.value) as t (statement text, sqlstate text, message text, detail text, hint text, query text, context text)
      offset 0) as x
    cross join lateral (
      select greatest(s.value::integer, 4096) as characters
      from script_tracking_internal.setting as s where s.name = 'sql_command.max_characters') as m
    on conflict do nothing;
    if v_to is not null then
      insert into script_tracking_internal.log_position as p
        (incarnation, log_format, file_name, read_to, mark, mark_length, modified_at, bytes_behind, unparsed_lines, gaps,
         read_at)
      values
        (v_incarnation, v_to ->> 'format', v_to ->> 'file', (v_to ->> 'at')::bigint, decode(v_to ->> 'mark', 'hex'),
         (v_to ->> 'marked')::integer, (v_to ->> 'modified')::timestamptz, (p_batch ->> 'behind')::bigint,
         (p_batch ->> 'unparsed')::bigint, (p_batch ->> 'gaps')::bigint,
         coalesce((v_to ->> 'looked_at')::timestamptz, clock_timestamp()))
      on conflict (singleton) do update set
        incarnation = excluded.incarnation, log_format = excluded.log_format, file_name = excluded.file_name,
        read_to = excluded.read_to, mark = excluded.mark, mark_length = excluded.mark_length,
        modified_at = excluded.modified_at, bytes_behind = excluded.bytes_behind,
        unparsed_lines = p.unparsed_lines + excluded.unparsed_lines, gaps = p.gaps + excluded.gaps,
        read_at = excluded.read_at;
    end if;
  end if;
  unsettled := script_tracking_internal.settle_log_errors();
  return next;
end
$function$;
