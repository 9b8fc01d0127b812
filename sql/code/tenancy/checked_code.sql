-- A code that a tenant may have from now on: printable, and never another tenant's, so that an export, a bookmark or a
-- series of a metric that names it means one tenant for ever.
create or replace function script_tracking_internal.checked_code(p_code varchar, p_tenant_hk bytea)
returns varchar
language plpgsql stable
as $function$
begin
  if not coalesce(pg_catalog.length(p_code) between 1 and 63 and p_code operator(pg_catalog.!~) '[[:cntrl:]]', false) then
    raise exception using errcode = 'ST003',
      message = pg_catalog.format('tenant code %L must have 1 to 63 printable characters', p_code);
  end if;
  if exists (select from script_tracking.tenant_s as s where s.tenant_code = p_code and s.tenant_hk <> p_tenant_hk) then
    raise exception using errcode = 'ST003', message = pg_catalog.format('tenant %L or its key is registered otherwise already', p_code),
      hint = 'A code that a tenant has, or once had, stays its own: script_tracking.get_tenants() lists them.';
  end if;
  return p_code;
end
$function$;
