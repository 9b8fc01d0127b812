-- requires: tenancy/read_policies.sql
-- The executions that whoever asks may see, for the views and functions that run as the owner, whom the read policies let see
-- all: the same condition as theirs (tenancy/read_policies.sql).
create or replace view script_tracking_internal.shown_execution as
select h.script_execution_hk, b.execution_timestamp, h.tenant_hk, h.record_source
from script_tracking.script_execution_h as h
cross join lateral (select h.load_date as execution_timestamp) as b
where h.tenant_hk = any ((select script_tracking_internal.tenants_shown_to(current_user))::bytea[])
  and (h.load_date >= (select script_tracking_internal.hidden_before())
    or (h.load_date >= ((select script_tracking_internal.hidden_befores()))[
      pg_catalog.array_position((select script_tracking_internal.shortened_tenants()), h.tenant_hk)]) is not false
    or h.load_date <@ ((select script_tracking_internal.held_ranges()))[
      pg_catalog.array_position((select script_tracking_internal.shortened_tenants()), h.tenant_hk)]);
