-- requires: capture/event_triggers.sql, rules/record_change.sql, rules/checked_reason.sql, capture/guard_slot.sql, reconcile/settle_own.sql, reconcile/reconcile_at_once.sql
-- Takes the event triggers away for a while, on record, and the slot: managed services want both gone before a major
-- upgrade. Nothing else; a pass of the comparison before it tells what is on record from what comes. Runs as its caller, to whom they belong.
create or replace function script_tracking.pause_tracking(reason text)
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
#variable_conflict use_column
declare
  v_reason text := script_tracking_internal.checked_reason(pause_tracking.reason);
  v_pause  jsonb;
  v_name   name;
begin
  insert into script_tracking_internal.tracking_pause as p (reason) values (v_reason)
  on conflict ((true)) where resumed_at is null do nothing
  returning to_jsonb(p) into v_pause;
  if v_pause is null then
    return false;
  end if;
  perform script_tracking_internal.reconcile_at_once();
  perform script_tracking_internal.record_change('pause_tracking', v_reason, null, jsonb_strip_nulls(v_pause));
  for v_name in select t.name from script_tracking_internal.event_triggers() as t loop
    execute format('drop event trigger if exists %I', v_name);
  end loop;
  perform script_tracking_internal.settle_own();
  begin
    perform script_tracking_internal.guard_slot();
  exception when object_in_use then
    raise notice 'the slot is being read at the moment: the exporter drops it in its next round';
  end;
  return true;
end
$function$;
comment on function script_tracking.pause_tracking(text) is
  'Drops the event triggers and the slot until resume_tracking(), on record; false where tracking pauses already; ST003 without a reason';
