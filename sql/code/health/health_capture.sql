-- requires: capture/slot_lag.sql, capture/slot_bound.sql, capture/event_triggers.sql, capture/event_triggers_off.sql, capture/event_triggers_wanted.sql, rules/pause_state.sql, rules/lost_records.sql, rules/refusals.sql
-- Health checks of the capture of DDL. A row for each, for get_system_health() to judge: is_floor says
-- that a value below the threshold is bad, and not one above. Part of get_system_health(), whose rights and settings it has.
create or replace function script_tracking_internal.health_capture()
returns table (check_name text, value double precision, threshold double precision, unit text, bad_status text,
  is_floor boolean, advice text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
begin
  return query
  select 'event_triggers_enabled',
    (select count(*) from pg_event_trigger as e
     where e.evtname in (select t.name from script_tracking_internal.event_triggers() as t) and e.evtenabled = 'A' and not (select script_tracking_internal.event_triggers_off()))::double precision,
    (select count(*) from script_tracking_internal.event_triggers()
     where script_tracking_internal.event_triggers_wanted() and not exists (select from script_tracking_internal.pause_state()))::double precision, 'triggers', 'critical', true,
    'An event trigger is missing or disabled: run "script-tracking-exporter schema verify", then "schema upgrade". Or the setting event_triggers is off, and verify says for whom: reset it.'
  union all
  select 'tracking_paused', (select count(*) from script_tracking_internal.pause_state()), 0, 'pauses', 'warning', false,
    'A superuser paused tracking and no DDL is recorded: script_tracking.resume_tracking() ends it.'
  union all
  select 'without_event_triggers', (not script_tracking_internal.event_triggers_wanted())::integer, 0, 'databases', 'warning', false,
    'Installed without event triggers: the comparison of the catalogs finds what DDL changed, not who did it, and no failed DDL. Where a role may make them: "script-tracking-exporter schema install --with-event-triggers".'
  union all
  select 'lost_records', (select l.unacknowledged from script_tracking_internal.lost_records() as l),
    0, 'records', 'critical', false,
    'DDL went through without a record: the server log names each ("script_tracking: record of ... lost"). Seen to: script_tracking.acknowledge_losses().'
  union all
  select 'fail_closed_policies', (select count(*) from script_tracking_internal.capture_policy as p where p.fail_closed),
    0, 'policies', 'warning', false,
    'A fault of the tracker refuses the DDL that these name: script_tracking.get_capture_policies(), set_capture_policy().'
  union all
  select 'capture_level',
    (select case i.capture_level when 'basic' then 1 when 'failures' then 2 else 3 end
     from script_tracking_internal.installation as i)::double precision,
    k.level_reached, 'level', 'warning', true,
    (select case when not script_tracking_internal.event_triggers_wanted()
         then 'No event triggers: DDL is known by the comparison of the catalogs alone.' else case i.capture_level
       when 'basic' then 'Level 1 (basic): DDL that succeeded is recorded; failed and rolled back DDL leaves no record.'
       when 'failures' then 'Level 2 (failures): DDL that failed or was rolled back is recorded as well, without SQLSTATE and message.'
       else 'Level 3 (full): DDL that failed or was rolled back is recorded with SQLSTATE and message.' end end
     from script_tracking_internal.installation as i)
      || coalesce(' To raise it: ' || nullif(array_to_string(k.missing, '; '), '') || '.', '')
      || case when current_setting('server_version_num')::integer < 170000
        then ' Not covered: a REINDEX that succeeds, which fires no event trigger before PostgreSQL 17.' else '' end
  from script_tracking_internal.capture_state as k
  union all
  select 'capture_slot_lag', coalesce(script_tracking_internal.slot_lag(), 0)::double precision,
    script_tracking_internal.slot_bound()::double precision, 'bytes', 'warning', false,
    'Write-ahead log that the replication slot holds back; over the threshold the exporter drops the slot. Is the exporter running, is a transaction open for long?'
  union all
  select 'refused_messages',
    (select r.new_messages from script_tracking_internal.refusals() as r)::double precision,
    0, 'messages', 'warning', false,
    'Somebody emitted messages into the write-ahead log that pretended to come from the event triggers; none was recorded. Seen to: script_tracking.acknowledge_losses().';
end
$function$;
