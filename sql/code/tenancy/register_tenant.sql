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
  v_hk bytea := coalesce(register_tenant.tenant_hk, sha256(convert_to(register_tenant.code, 'UTF8')));
begin
  if coalesce(register_tenant.code, '') = '' or length(register_tenant.code) > 63
    or register_tenant.code ~ '[[:cntrl:]]'
  then
    raise exception using errcode = 'ST003',
      message = format('tenant code %L must have 1 to 63 printable characters', register_tenant.code);
  end if;
  insert into script_tracking.tenant_h as t (tenant_hk, tenant_bk, record_source)
  select v_hk, register_tenant.code, i.record_source || '/register_tenant/v1'
  from script_tracking_internal.installation as i
  on conflict do nothing;
  select t.tenant_hk into v_hk from script_tracking.tenant_h as t where t.tenant_bk = register_tenant.code;
  if v_hk is null or v_hk is distinct from coalesce(register_tenant.tenant_hk, v_hk) then
    raise exception using errcode = 'ST003',
      message = format('tenant %L or its key is registered otherwise already', register_tenant.code);
  end if;
  return v_hk;
end
$function$;
comment on function script_tracking.register_tenant(varchar, bytea) is
  'Registers a tenant under a readable code and returns its key (by default sha256 of the code); idempotent; ST003 on a clash';
