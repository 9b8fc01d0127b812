-- requires: vault/protect_record.sql
-- The append-only triggers. Row triggers reach the partitions from their parents; TRUNCATE of a partition passes its
-- parent by, so each has its own (script_tracking_internal.protect_partition makes those).
drop trigger if exists protect_rows on script_tracking.script_execution_h;
create trigger protect_rows before update or delete on script_tracking.script_execution_h
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_deletes on script_tracking.script_execution_s;
create trigger protect_deletes before delete on script_tracking.script_execution_s
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_updates on script_tracking.script_execution_s;
create trigger protect_updates before update on script_tracking.script_execution_s
  for each row execute function script_tracking_internal.protect_record('may_end');
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
-- The ledger of archives tells of what is gone.
drop trigger if exists protect_rows on script_tracking_internal.partition_archive;
create trigger protect_rows before update or delete on script_tracking_internal.partition_archive
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_truncate on script_tracking_internal.partition_archive;
create trigger protect_truncate before truncate on script_tracking_internal.partition_archive
  for each statement execute function script_tracking_internal.protect_record();
alter table script_tracking_internal.partition_archive enable always trigger protect_rows;
alter table script_tracking_internal.partition_archive enable always trigger protect_truncate;
-- Judgements are made once, by rules that are kept.
drop trigger if exists protect_rows on script_tracking.script_execution_change_s;
create trigger protect_rows before update or delete on script_tracking.script_execution_change_s
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_truncate on script_tracking.script_execution_change_s;
create trigger protect_truncate before truncate on script_tracking.script_execution_change_s
  for each statement execute function script_tracking_internal.protect_record();
drop trigger if exists protect_rows on script_tracking_internal.change_rules;
create trigger protect_rows before update or delete on script_tracking_internal.change_rules
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_truncate on script_tracking_internal.change_rules;
create trigger protect_truncate before truncate on script_tracking_internal.change_rules
  for each statement execute function script_tracking_internal.protect_record();
alter table script_tracking.script_execution_change_s enable always trigger protect_rows;
alter table script_tracking.script_execution_change_s enable always trigger protect_truncate;
alter table script_tracking_internal.change_rules enable always trigger protect_rows;
alter table script_tracking_internal.change_rules enable always trigger protect_truncate;
-- Of a tenant the code may change, by rename_tenant(), which writes the satellite.
drop trigger if exists protect_columns on script_tracking.tenant_h;
create trigger protect_columns before update of tenant_hk, load_date, record_source on script_tracking.tenant_h
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_deletes on script_tracking.tenant_h;
create trigger protect_deletes before delete on script_tracking.tenant_h
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_truncate on script_tracking.tenant_h;
create trigger protect_truncate before truncate on script_tracking.tenant_h
  for each statement execute function script_tracking_internal.protect_record();
drop trigger if exists protect_deletes on script_tracking.tenant_s;
create trigger protect_deletes before delete on script_tracking.tenant_s
  for each row execute function script_tracking_internal.protect_record();
drop trigger if exists protect_updates on script_tracking.tenant_s;
create trigger protect_updates before update on script_tracking.tenant_s
  for each row execute function script_tracking_internal.protect_record('may_end');
drop trigger if exists protect_truncate on script_tracking.tenant_s;
create trigger protect_truncate before truncate on script_tracking.tenant_s
  for each statement execute function script_tracking_internal.protect_record();
alter table script_tracking.tenant_h enable always trigger protect_columns;
alter table script_tracking.tenant_h enable always trigger protect_deletes;
alter table script_tracking.tenant_h enable always trigger protect_truncate;
alter table script_tracking.tenant_s enable always trigger protect_deletes;
alter table script_tracking.tenant_s enable always trigger protect_updates;
alter table script_tracking.tenant_s enable always trigger protect_truncate;
-- Partitions that stand already get their share at the installer's last step (upkeep/finish_install.sql).
