-- run-as: installer
-- requires: capture/event_trigger_ddl_start.sql
-- Event triggers belong to the installing superuser: nobody else can own one. ENABLE ALWAYS, so that
-- session_replication_role = replica does not pass them by.
drop event trigger if exists et_ddl_command_start;
create event trigger et_ddl_command_start on ddl_command_start execute function script_tracking.event_trigger_ddl_start();
alter event trigger et_ddl_command_start enable always;
