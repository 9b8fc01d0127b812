-- requires: tenancy/tenant_hash_diff.sql
-- vault_check of the tenants and of their versions, as a whole: they are few. A row for each of their checks.
-- A version follows another one only where code or state changed: so no two in a row have the same hash.
create or replace function script_tracking_internal.check_tenants(p_relation text)
returns table (check_name text, checked bigint, violations bigint, example text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select c.check_name, count(*), count(*) filter (where c.violated), min(t.tenant_bk) filter (where c.violated)
  from script_tracking.tenant_h as t
  cross join lateral (
    select count(*) as current_ones, min(s.tenant_code) as code
    from script_tracking.tenant_s as s where s.tenant_hk = t.tenant_hk and s.load_end_date is null) as v
  cross join lateral (values
    ('tenant_current_versions', v.current_ones <> 1),
    ('tenant_code', v.current_ones = 1 and v.code <> t.tenant_bk)) as c (check_name, violated)
  where p_relation = 'tenant_h'
  group by c.check_name
  union all
  select c.check_name, count(*), count(*) filter (where c.violated), min(s.tenant_code) filter (where c.violated)
  from script_tracking.tenant_s as s
  left join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
  left join script_tracking.tenant_s as n on n.tenant_hk = s.tenant_hk and n.load_date = s.load_end_date
  cross join lateral (values
    ('tenant_version_without_tenant', t.tenant_hk is null),
    ('tenant_hash_diff', s.hash_diff is distinct from script_tracking_internal.tenant_hash_diff(
      s.tenant_hk, s.tenant_code, s.tenant_state, s.reason, s.changed_by)),
    ('tenant_gap', s.load_end_date is not null and n.tenant_hk is null
      or s.load_date <> t.load_date and not exists (
        select from script_tracking.tenant_s as b where b.tenant_hk = s.tenant_hk and b.load_end_date = s.load_date)),
    ('tenant_overlap', s.load_end_date <= s.load_date or exists (
      select from script_tracking.tenant_s as o where o.tenant_hk = s.tenant_hk
        and o.load_date > s.load_date and o.load_date < coalesce(s.load_end_date, 'infinity'))),
    ('tenant_repeated', n.hash_diff = s.hash_diff)) as c (check_name, violated)
  where p_relation = 'tenant_s'
  group by c.check_name
$function$;
