-- requires: capture/make_event_triggers.sql, capture/event_triggers_wanted.sql, rules/record_change.sql, reconcile/settle_own.sql, reconcile/reconcile_at_once.sql, capture/note_guards.sql
-- Makes the event triggers again that pause_tracking() took away, and records from when to when nothing was recorded.
-- Runs as its caller, to whom they will belong.
create or replace function script_tracking.resume_tracking()
returns boolean
language plpgsql volatile
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
declare
  v_before jsonb;
  v_after  jsonb;
begin
  select to_jsonb(p) into v_before
  from script_tracking_internal.tracking_pause as p where p.resumed_at is null for update;
  if v_before is null then
    return false;
  end if;
  -- while it still pauses: after an upgrade only so is what was done meanwhile told from what is on record
  perform script_tracking_internal.reconcile_at_once();
  if script_tracking_internal.event_triggers_wanted() then
    perform script_tracking_internal.make_event_triggers();
  end if;
  perform script_tracking_internal.settle_own();
  perform script_tracking_internal.note_guards();
  -- not earlier: until here nothing is recorded
  update script_tracking_internal.tracking_pause as p set resumed_at = clock_timestamp(), resumed_by = session_user
  where p.resumed_at is null returning to_jsonb(p) into v_after;
  perform script_tracking_internal.record_change(
    'resume_tracking', v_before ->> 'reason', jsonb_strip_nulls(v_before), jsonb_strip_nulls(v_after));
  return true;
end
$function$;
comment on function script_tracking.resume_tracking() is
  'Makes the event triggers again after pause_tracking() and records the gap; false where tracking does not pause';
