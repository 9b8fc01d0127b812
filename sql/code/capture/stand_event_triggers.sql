-- run-as: installer
-- requires: capture/make_event_triggers.sql, capture/event_triggers_wanted.sql, rules/pause_state.sql
-- The event triggers stand from here on, unless a superuser has taken them away for a while, or the service lets nobody
-- make one and they are not wanted.
do $stand$
declare
  v_name name;
begin
  if not script_tracking_internal.event_triggers_wanted() then
    for v_name in
      select e.evtname from pg_catalog.pg_event_trigger as e join script_tracking_internal.event_triggers() as t on t.name = e.evtname
    loop
      execute pg_catalog.format('drop event trigger %I', v_name);
    end loop;
  elsif not exists (select from script_tracking_internal.pause_state()) then
    perform script_tracking_internal.make_event_triggers();
  end if;
end
$stand$;
