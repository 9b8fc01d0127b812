-- requires: tenancy/tenants_shown_to.sql
-- Hub of users, for the tenants that the caller may see.
create or replace view script_tracking.user_h with (security_barrier = true) as
select k.user_hk, u.user_bk,
  pg_catalog.min(u.load_date) as load_date,
  (pg_catalog.array_agg(u.record_source order by u.load_date, u.tenant_hk))[1] as record_source
from script_tracking_internal.execution_user as u
cross join lateral (select pg_catalog.sha256(pg_catalog.convert_to(u.user_bk, 'UTF8')) as user_hk) as k
where u.tenant_hk = any ((select script_tracking_internal.tenants_shown_to(current_user))::bytea[])
group by k.user_hk, u.user_bk;
comment on view script_tracking.user_h is 'Hub of the users whose executions the caller may see; load_date is the start of the first';
