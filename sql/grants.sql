-- Who may do what. Applied last, whenever anything changed; starts from nothing granted.
set local role script_tracking_owner;

revoke all on schema script_tracking, script_tracking_internal
  from public, script_tracking_daemon, script_tracking_app, script_tracking_reader, script_tracking_auditor;
revoke all on all functions in schema script_tracking, script_tracking_internal
  from public, script_tracking_daemon, script_tracking_app, script_tracking_reader, script_tracking_auditor;
revoke all on all tables in schema script_tracking, script_tracking_internal
  from public, script_tracking_daemon, script_tracking_app, script_tracking_reader, script_tracking_auditor;
revoke all on all sequences in schema script_tracking, script_tracking_internal
  from public, script_tracking_daemon, script_tracking_app, script_tracking_reader, script_tracking_auditor;

grant usage on schema script_tracking
  to script_tracking_daemon, script_tracking_app, script_tracking_reader, script_tracking_auditor;
grant usage on schema script_tracking_internal to script_tracking_daemon;

-- Applications declare operations.
grant execute on function
  script_tracking.track_operation(varchar, varchar, text, jsonb, bytea, text),
  script_tracking.complete_operation(bytea, boolean, text, text, bigint, jsonb),
  script_tracking.generate_unique_script_name(varchar),
  script_tracking.calculate_hash_key(varchar)
to script_tracking_app;

-- Readers see their tenants, auditors all: row-level security tells them apart.
grant select on script_tracking.tenant_h, script_tracking.script_execution_h, script_tracking.script_execution_s
  to script_tracking_reader, script_tracking_auditor;
grant execute on function
  script_tracking.get_enterprise_dashboard(), script_tracking.get_execution_history(integer),
  script_tracking.get_performance_metrics(), script_tracking.get_system_health(),
  script_tracking.get_recent_errors(integer), script_tracking.calculate_hash_key(varchar)
to script_tracking_reader, script_tracking_auditor;
-- The read policies call this for whoever reads.
grant execute on function script_tracking_internal.visible_tenants(), script_tracking_internal.error_class(varchar, jsonb)
  to script_tracking_reader, script_tracking_auditor, script_tracking_daemon;

-- The daemon reads numbers and keeps house through functions; of the record itself it sees nothing.
grant select on script_tracking_internal.schema_migration, script_tracking_internal.schema_code to script_tracking_daemon;
grant execute on function
  script_tracking_internal.collect_operations(), script_tracking_internal.collect_operation_durations(),
  script_tracking_internal.collect_errors(), script_tracking_internal.collect_running(),
  script_tracking_internal.collect_event_triggers(), script_tracking_internal.collect_capture(),
  script_tracking_internal.collect_storage(), script_tracking_internal.collect_health(),
  script_tracking_internal.collect_performance(), script_tracking_internal.collect_dashboard(),
  script_tracking_internal.ensure_incarnation(), script_tracking_internal.roll_up(),
  script_tracking_internal.ensure_partitions(), script_tracking.get_system_health()
to script_tracking_daemon;

select script_tracking_internal.finish_install();
reset role;
