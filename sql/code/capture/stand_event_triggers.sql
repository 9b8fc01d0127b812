-- run-as: installer
-- requires: capture/make_event_triggers.sql, rules/pause_state.sql
-- The event triggers stand from here on, unless a superuser has taken them away for a while.
select script_tracking_internal.make_event_triggers()
where not exists (select from script_tracking_internal.pause_state());
