-- requires: tenancy/tenants_shown_to.sql, tenancy/shortened_tenants.sql, tenancy/hidden_befores.sql, tenancy/hidden_before.sql, tenancy/held_ranges.sql, upkeep/partitioned_tables.sql
-- Who reads what of the record: the subselects make each check an InitPlan, evaluated once for a statement, at most.
-- What is older than its tenant's own retention is hidden until its partition goes: the newest time before which anything is
-- hidden comes first, so that the rest is not even asked where no tenant has such a retention, nor of what is newer.
do $policies$
declare
  v_table record;
begin
  for v_table in
    -- links have no tenant of their own, and are shown by views
    select t.relation, t.time_column from script_tracking_internal.partitioned_tables() as t
    where t.append_only
  loop
    execute format('drop policy if exists read_visible on script_tracking.%I', v_table.relation);
    execute format($policy$
      create policy read_visible on script_tracking.%I for select using (
        tenant_hk = any ((select script_tracking_internal.tenants_shown_to(current_user))::bytea[])
        and (%2$I >= (select script_tracking_internal.hidden_before())
          or (%2$I >= ((select script_tracking_internal.hidden_befores()))[
            array_position((select script_tracking_internal.shortened_tenants()), tenant_hk)]) is not false
          or %2$I <@ ((select script_tracking_internal.held_ranges()))[
            array_position((select script_tracking_internal.shortened_tenants()), tenant_hk)]))$policy$,
      v_table.relation, v_table.time_column);
  end loop;
end
$policies$;
drop policy if exists read_visible on script_tracking.tenant_h;
create policy read_visible on script_tracking.tenant_h for select
  using (tenant_hk = any ((select script_tracking_internal.tenants_shown_to(current_user))::bytea[]));
drop policy if exists read_visible on script_tracking.tenant_s;
create policy read_visible on script_tracking.tenant_s for select
  using (tenant_hk = any ((select script_tracking_internal.tenants_shown_to(current_user))::bytea[]));
-- The ledger holds nothing of a tenant; the daemon compares it with its own files.
drop policy if exists read_ledger on script_tracking_internal.schema_migration;
create policy read_ledger on script_tracking_internal.schema_migration for select using (true);
drop policy if exists read_ledger on script_tracking_internal.schema_code;
create policy read_ledger on script_tracking_internal.schema_code for select using (true);
