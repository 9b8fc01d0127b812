-- The life of a tenant: what it was called and in which state it was when, and whether any tenant takes no operations.
-- The key of a tenant stays; its code in tenant_h is the present one.

create table script_tracking.tenant_s (
  tenant_hk     bytea not null references script_tracking.tenant_h,
  load_date     timestamptz not null,
  load_end_date timestamptz,
  hash_diff     bytea not null,
  tenant_code   varchar not null,
  tenant_state  text not null check (tenant_state in ('active', 'suspended', 'offboarded')),
  reason        text,
  changed_by    varchar not null,
  record_source varchar not null,
  primary key (tenant_hk, load_date)
);
comment on table script_tracking.tenant_s is
  'Satellite of tenants: one row for each change of code or state; the current one has no load_end_date';
comment on column script_tracking.tenant_s.load_date is 'From when on the tenant had this code and state';
comment on column script_tracking.tenant_s.load_end_date is 'Until when';
comment on column script_tracking.tenant_s.hash_diff is
  'sha256 over key, code, state, reason and changed_by as a JSON array; see script_tracking_internal.tenant_hash_diff';
comment on column script_tracking.tenant_s.tenant_code is 'Readable code; a code that a tenant once had is never another''s';
comment on column script_tracking.tenant_s.tenant_state is
  'active; suspended: begins no operations; offboarded: no members and no new records, for good';
create unique index idx_tenant_s_current on script_tracking.tenant_s (tenant_hk) where load_end_date is null;
create index idx_tenant_s_code on script_tracking.tenant_s (tenant_code);
comment on column script_tracking.tenant_h.tenant_bk is
  'Readable code at present, the tenant label of every metric; earlier ones are in tenant_s';

-- Kept by the functions that change the state: what every writer reads anyway says whether there is anything to look up.
alter table script_tracking_internal.installation add column restricted_tenants boolean not null default false;
comment on column script_tracking_internal.installation.restricted_tenants is
  'Whether any tenant is suspended or offboarded';

alter table script_tracking.tenant_s enable row level security;
alter table script_tracking.tenant_s force row level security;
create policy owner_all on script_tracking.tenant_s to script_tracking_owner using (true) with check (true);

insert into script_tracking.tenant_s
  (tenant_hk, load_date, hash_diff, tenant_code, tenant_state, changed_by, record_source)
select t.tenant_hk, t.load_date,
  sha256(convert_to(json_build_array(encode(t.tenant_hk, 'hex'), t.tenant_bk, 'active', null::text, session_user)::text, 'UTF8')),
  t.tenant_bk, 'active', session_user, t.record_source
from script_tracking.tenant_h as t;
