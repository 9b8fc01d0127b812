-- run-as: installer
-- requires: capture/event_trigger_sql_drop.sql
-- Event triggers belong to the installing superuser: nobody else can own one. ENABLE ALWAYS, so that
-- session_replication_role = replica does not pass them by.
drop event trigger if exists et_sql_drop;
create event trigger et_sql_drop on sql_drop execute function script_tracking.event_trigger_sql_drop();
alter event trigger et_sql_drop enable always;
