-- requires: tenancy/checked_code.sql, tenancy/refuse_offboarded.sql, tenancy/tenant_hash_diff.sql, tenancy/tenant_state.sql, rules/record_change.sql
-- Registers a tenant, once: a second call with the same code returns the key that it has.
create or replace function script_tracking.register_tenant(code varchar, tenant_hk bytea default null)
returns bytea
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_hk            bytea := coalesce(register_tenant.tenant_hk, sha256(convert_to(register_tenant.code, 'UTF8')));
  v_registered_at timestamptz;
begin
  if not exists (select from script_tracking.tenant_h as t where t.tenant_bk = register_tenant.code) then
    insert into script_tracking.tenant_h as t (tenant_hk, tenant_bk, record_source)
    select v_hk, script_tracking_internal.checked_code(register_tenant.code, v_hk), i.record_source || '/register_tenant/v1'
    from script_tracking_internal.installation as i
    on conflict do nothing
    returning t.load_date into v_registered_at;
  end if;
  if v_registered_at is not null then
    insert into script_tracking.tenant_s
      (tenant_hk, load_date, hash_diff, tenant_code, tenant_state, changed_by, record_source)
    select v_hk, v_registered_at,
      script_tracking_internal.tenant_hash_diff(v_hk, register_tenant.code, 'active', null, session_user::varchar),
      register_tenant.code, 'active', session_user, i.record_source || '/register_tenant/v1'
    from script_tracking_internal.installation as i;
    perform script_tracking_internal.record_change('register_tenant', null, null,
      jsonb_build_object('tenant', register_tenant.code, 'tenant_hk', encode(v_hk, 'hex')));
    return v_hk;
  end if;
  select t.tenant_hk into v_hk from script_tracking.tenant_h as t where t.tenant_bk = register_tenant.code;
  if v_hk is null or v_hk is distinct from coalesce(register_tenant.tenant_hk, v_hk) then
    raise exception using errcode = 'ST003',
      message = format('tenant %L or its key is registered otherwise already', register_tenant.code);
  end if;
  perform script_tracking_internal.refuse_offboarded(register_tenant.code, script_tracking_internal.tenant_state(v_hk));
  return v_hk;
end
$function$;
comment on function script_tracking.register_tenant(varchar, bytea) is
  'Registers a tenant under a readable code and returns its key (by default sha256 of the code); idempotent; ST003 on a clash, ST006 where it was offboarded';
