-- requires: tenancy/tenants_shown_to.sql
-- Who reads what of objects: the names that the caller's tenants know, and the objects that have such a name.
drop policy if exists read_visible on script_tracking.database_object_name_s;
create policy read_visible on script_tracking.database_object_name_s for select
  using (tenant_hk = any ((select script_tracking_internal.tenants_shown_to(current_user))::bytea[]));
drop policy if exists read_visible on script_tracking.database_object_h;
create policy read_visible on script_tracking.database_object_h for select
  using (exists (
    select from script_tracking.database_object_name_s as n where n.object_hk = database_object_h.object_hk));
