-- requires: vault/protect_record.sql
-- The append-only triggers. Row triggers reach the partitions from their parents; TRUNCATE of a partition passes its
-- parent by, so each has its own (script_tracking_internal.protect_partition makes those).
-- WHEN lets one update through without calling anything: load_end_date from NULL to a time, nothing else touched.
drop trigger if exists protect_rows on script_tracking.script_execution_h;
create trigger protect_rows before update or delete on script_tracking.script_execution_h
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_deletes on script_tracking.script_execution_s;
create trigger protect_deletes before delete on script_tracking.script_execution_s
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_updates on script_tracking.script_execution_s;
create trigger protect_updates before update on script_tracking.script_execution_s
  for each row when (
    old.load_end_date is not null or new.load_end_date is null
    or new.load_end_date < old.load_date
    or row(new.script_execution_hk, new.load_date, new.hash_diff, new.version_number, new.script_name, new.script_type,
           new.execution_status, new.execution_timestamp, new.execution_duration_ms, new.db_session_user, new.client_ip,
           new.affected_objects, new.sql_command, new.error_message, new.metadata, new.record_source, new.tenant_hk,
           new.xid, new.incarnation)
       is distinct from
       row(old.script_execution_hk, old.load_date, old.hash_diff, old.version_number, old.script_name, old.script_type,
           old.execution_status, old.execution_timestamp, old.execution_duration_ms, old.db_session_user, old.client_ip,
           old.affected_objects, old.sql_command, old.error_message, old.metadata, old.record_source, old.tenant_hk,
           old.xid, old.incarnation))
  execute function script_tracking_internal.protect_record();
drop trigger if exists protect_truncate on script_tracking.script_execution_h;
create trigger protect_truncate before truncate on script_tracking.script_execution_h
  for each statement execute function script_tracking_internal.protect_record();
drop trigger if exists protect_truncate on script_tracking.script_execution_s;
create trigger protect_truncate before truncate on script_tracking.script_execution_s
  for each statement execute function script_tracking_internal.protect_record();
alter table script_tracking.script_execution_h enable always trigger protect_rows;
alter table script_tracking.script_execution_h enable always trigger protect_truncate;
alter table script_tracking.script_execution_s enable always trigger protect_deletes;
alter table script_tracking.script_execution_s enable always trigger protect_updates;
alter table script_tracking.script_execution_s enable always trigger protect_truncate;
-- Partitions that stand already get their share at the installer's last step (upkeep/finish_install.sql).
