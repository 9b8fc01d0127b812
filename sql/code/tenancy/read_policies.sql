-- requires: tenancy/visible_tenants.sql
-- Who reads what of the record: the subselect makes the check an InitPlan, evaluated once for a statement.
drop policy if exists read_visible on script_tracking.script_execution_h;
create policy read_visible on script_tracking.script_execution_h for select
  using (tenant_hk = any ((select script_tracking_internal.visible_tenants())::bytea[]));
drop policy if exists read_visible on script_tracking.script_execution_s;
create policy read_visible on script_tracking.script_execution_s for select
  using (tenant_hk = any ((select script_tracking_internal.visible_tenants())::bytea[]));
drop policy if exists read_visible on script_tracking.tenant_h;
create policy read_visible on script_tracking.tenant_h for select
  using (tenant_hk = any ((select script_tracking_internal.visible_tenants())::bytea[]));
drop policy if exists read_visible on script_tracking.tenant_s;
create policy read_visible on script_tracking.tenant_s for select
  using (tenant_hk = any ((select script_tracking_internal.visible_tenants())::bytea[]));
-- The ledger holds nothing of a tenant; the daemon compares it with its own files.
drop policy if exists read_ledger on script_tracking_internal.schema_migration;
create policy read_ledger on script_tracking_internal.schema_migration for select using (true);
drop policy if exists read_ledger on script_tracking_internal.schema_code;
create policy read_ledger on script_tracking_internal.schema_code for select using (true);
