-- requires: serverlog/probe_log.sql, capture/probe_wal.sql, capture/give_up_attempts.sql
-- Finds out which level of capture can be had, sets it, and says what would raise it: one word for all that is missing at
-- the next level, and words for an operator.
create or replace function script_tracking_internal.probe_capture(out level text, out lacks text, out missing text[])
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_wal    record;
  v_before text;
begin
  v_wal := script_tracking_internal.probe_wal();
  if v_wal.lacks is not null then
    level := 'basic';
    lacks := v_wal.lacks;
    missing := array[v_wal.missing];
  else
    missing := script_tracking_internal.probe_log();
    level := case when missing = '{}' then 'full' else 'failures' end;
    lacks := case when missing = '{}' then 'nothing' else 'server_log' end;
  end if;
  if pg_is_in_recovery() then
    return;
  end if;
  select i.capture_level into strict v_before from script_tracking_internal.installation as i;
  if v_before <> level then
    update script_tracking_internal.installation set capture_level = level;
    if level = 'basic' then  -- from now on nobody announces an end
      perform script_tracking_internal.give_up_attempts('the level fell to basic');
    end if;
  end if;
  update script_tracking_internal.capture_state as s
  set lacks = probe_capture.lacks, missing = probe_capture.missing, probed_at = clock_timestamp(),
      level_reached = greatest(s.level_reached, array_position(array['basic', 'failures', 'full'], level))
  where s.probed_at is null or s.lacks <> probe_capture.lacks or s.missing <> probe_capture.missing or v_before <> level;
end
$function$;
