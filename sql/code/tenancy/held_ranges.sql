-- requires: tenancy/session_identity.sql
-- For each of shortened_tenants(): what a hold keeps. Auditors see it though the tenant's retention has passed, as a hold is
-- for whoever has to produce the records; for everybody else NULL.
create or replace function script_tracking_internal.held_ranges()
returns tstzmultirange[]
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select case when pg_has_role(script_tracking_internal.session_identity(), 'script_tracking_auditor', 'member') then array(
    select (select range_agg(tstzrange(h.held_from, h.held_until)) from script_tracking_internal.legal_hold as h
      where h.released_at is null and coalesce(h.tenant_hk, r.tenant_hk) = r.tenant_hk)
    from script_tracking_internal.tenant_retention as r order by r.tenant_hk) end
$function$;
