-- Every tenant with its state, its members and what it was called before. For auditors.
create or replace function script_tracking.get_tenants()
returns table (tenant varchar, tenant_hk bytea, state text, state_since timestamptz, reason text, changed_by varchar,
  registered_at timestamptz, former_codes varchar[], members text[])
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select t.tenant_bk, t.tenant_hk, s.tenant_state,
    -- a new code is no new state
    (select min(e.load_date) from script_tracking.tenant_s as e
     where e.tenant_hk = t.tenant_hk and e.load_date > coalesce((
       select max(o.load_date) from script_tracking.tenant_s as o
       where o.tenant_hk = t.tenant_hk and o.tenant_state <> s.tenant_state), '-infinity')),
    s.reason, s.changed_by, t.load_date,
    array(select f.tenant_code from script_tracking.tenant_s as f
      where f.tenant_hk = t.tenant_hk and f.tenant_code <> t.tenant_bk group by 1 order by min(f.load_date)),
    array(select m.role::text from script_tracking_internal.tenant_membership as m
      where m.tenant_hk = t.tenant_hk order by 1)
  from script_tracking.tenant_h as t
  join script_tracking.tenant_s as s on s.tenant_hk = t.tenant_hk and s.load_end_date is null
  order by t.tenant_bk
$function$;
comment on function script_tracking.get_tenants() is
  'Every tenant: state (active, suspended, offboarded) and since when, why and by whom it last changed, its former codes, and the roles that are members';
