-- requires: capture/changed_guards.sql, check/own_functions.sql, check/own_relations.sql, tenancy/session_identity.sql, tenancy/visible_tenants.sql, report/get_execution_history.sql, report/get_recent_errors.sql, report/get_performance_metrics.sql, report/tenant_dashboard.sql, monitoring/get_running_operations.sql
-- For the daemon: whether each tenant is seen by its own alone; how many faults each check found.
-- reports: as whoever asks here, who is a member of no tenant or else of some, without a claim and with that of each of the newest
-- tenants, rows of a tenant that is not among those that may be seen so. For a superuser or auditor, who may see all without a claim,
-- only the claims tell something.
-- The dashboard without the tracker's own checks, which tell of no tenant and take as long as all else here.
-- guards: policies and functions by which tenants are told apart that are not as installed. rights: roles that have a right on
-- the record which no release grants, or may call what works with the owner's.
create or replace function script_tracking_internal.collect_isolation()
returns table (check_name text, faults bigint)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
set random_page_cost = 1.1  -- catalogs are in memory: what is the tracker's is found by an index
as $function$
#variable_conflict use_column
declare
  v_asking name := script_tracking_internal.session_identity();
  v_claim  text := coalesce(current_setting('script_tracking.tenant', true), '');
  v_faults bigint := 0;
  v_found  bigint;
  v_may    text[];
  v_tried  text;
begin
  select coalesce(array_agg(t.tenant_bk::text), '{}') into v_may
  from script_tracking.tenant_h as t
  where pg_has_role(v_asking, 'script_tracking_auditor', 'member') or exists (
    select from script_tracking_internal.tenant_membership as m
    where m.tenant_hk = t.tenant_hk and pg_has_role(v_asking, m.role::oid, 'member'));
  for v_tried in
    select '' where not pg_has_role(v_asking, 'script_tracking_auditor', 'member')
    union all
    (select t.tenant_bk from script_tracking.tenant_h as t
     where t.tenant_hk in (select n.tenant_hk from (
       select s.tenant_hk from script_tracking.script_execution_s as s order by s.execution_timestamp desc limit 100) as n)
     order by t.tenant_bk limit 3)
  loop
    perform set_config('script_tracking.tenant', v_tried, true);
    select count(*) into v_found
    from (
      select h.tenant from script_tracking.get_execution_history(1, 100) as h
      union all select e.tenant from script_tracking.get_recent_errors(24) as e
      union all select p.tenant from script_tracking.get_performance_metrics() as p
      union all select d.tenant from script_tracking_internal.tenant_dashboard(script_tracking_internal.visible_tenants(), null) as d
      union all select r.tenant from script_tracking.get_running_operations() as r) as shown
    where not coalesce(shown.tenant = any (v_may) and v_tried in ('', shown.tenant), false);
    v_faults := v_faults + v_found;
  end loop;
  perform set_config('script_tracking.tenant', v_claim, true);
  return query select 'reports', v_faults;
  return query select 'guards', count(*) from script_tracking_internal.changed_guards() as c where c.kind = 'isolation';
  return query
  with relation as materialized (
    select c.* from script_tracking_internal.own_relations() as c where c.relkind in ('r', 'p', 'v')
  ), known as materialized (  -- looked up once, and not for each right
    select r.oid, r.rolname from pg_roles as r
    where r.rolname in ('script_tracking_owner', 'script_tracking_daemon', 'script_tracking_auditor', 'script_tracking_app')
  )
  select 'rights', count(distinct (o.object, a.grantee))
  from (
    select c.oid as object, c.relowner as owner, c.relacl as acl,
      case when c.schema_name = 'script_tracking' then array['script_tracking_auditor']
        when c.relname in ('schema_migration', 'schema_code') then array['script_tracking_daemon'] else '{}' end as allowed
    from relation as c
    union all
    select c.oid, c.relowner, t.attacl,
      case when c.schema_name = 'script_tracking' then array['script_tracking_auditor'] else '{}' end
    from relation as c join pg_attribute as t on t.attrelid = c.oid
    where t.attacl is not null
    union all
    select p.oid, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)),
      '{script_tracking_owner,script_tracking_daemon,script_tracking_auditor,script_tracking_app}'
    from script_tracking_internal.own_functions() as p where p.schema_name = 'script_tracking_internal') as o
  cross join lateral aclexplode(o.acl) as a
  where a.grantee <> o.owner and not exists (
    select from known as k where k.oid = a.grantee and (k.rolname = any (o.allowed) or k.rolname = 'script_tracking_owner'));
end
$function$;
