-- run-as: installer
-- requires: capture/make_event_triggers.sql
-- The event triggers stand from here on.
select script_tracking_internal.make_event_triggers();
