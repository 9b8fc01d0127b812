-- requires: rules/refusals.sql
-- Health checks of roles and tenants. A row for each, for get_system_health() to judge: is_floor says
-- that a value below the threshold is bad, and not one above. Part of get_system_health(), whose rights and settings it has.
create or replace function script_tracking_internal.health_access()
returns table (check_name text, value double precision, threshold double precision, unit text, bad_status text,
  is_floor boolean, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select 'owner_role_members',
    -- but for a managed service's admin, who keeps the right to grant it and neither to use nor to inherit it (16 and newer)
    (select count(*) from pg_auth_members as m join pg_roles as r on r.oid = m.roleid
     join pg_roles as u on u.oid = m.member
     where r.rolname = 'script_tracking_owner' and not u.rolsuper
       and not (coalesce((select e.evtowner = u.oid from pg_event_trigger as e where e.evtname = 'et_ddl_command_end'), true)
         and (to_jsonb(m) ->> 'set_option' = 'false' and to_jsonb(m) ->> 'inherit_option' = 'false') is true))::double precision,
    0, 'roles', 'critical', false,
    'Whoever is a member of script_tracking_owner can take over the next superuser''s DDL: revoke the membership.'
  union all
  select 'refused_tenant_claims', (select r.new_claims from script_tracking_internal.refusals() as r),
    0, 'claims', 'warning', false,
    'A session claimed a tenant that its role is no member of: see metadata.refused_tenant_claim, and grant_tenant(). Seen to: script_tracking.acknowledge_losses().'
  union all
  select 'roles_with_powers',
    (select count(*) from pg_roles as r
     where r.rolname in ('script_tracking_owner', 'script_tracking_daemon', 'script_tracking_app', 'script_tracking_reader',
         'script_tracking_auditor')
       and (r.rolcanlogin or r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication))::double precision,
    0, 'roles', 'critical', false,
    'The project''s roles must have neither LOGIN nor any power of their own: run "script-tracking-exporter schema verify".'
  union all
  select 'memberships_of_nobody',
    (select count(*) from script_tracking_internal.tenant_membership as m
     where not exists (select from pg_roles as r where r.oid = m.role::oid))::double precision,
    0, 'memberships', 'warning', false,
    'Members of a tenant whose role was dropped: a superuser deletes them from script_tracking_internal.tenant_membership.'
$function$;
