-- requires: tenancy/merge_tenant.sql
-- Where an apply worker writes tenants (docs/replication.md). Before protect_updates, by its name.
drop trigger if exists merge_tenant on script_tracking.tenant_h;
create trigger merge_tenant before insert or update on script_tracking.tenant_h
  for each row execute function script_tracking_internal.merge_tenant();
alter table script_tracking.tenant_h enable replica trigger merge_tenant;
drop trigger if exists merge_tenant on script_tracking.tenant_s;
create trigger merge_tenant before insert or update on script_tracking.tenant_s
  for each row execute function script_tracking_internal.merge_tenant();
alter table script_tracking.tenant_s enable replica trigger merge_tenant;
