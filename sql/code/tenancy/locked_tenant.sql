-- The tenant that an administrator names, locked so that its changes follow each other: key and state.
create or replace function script_tracking_internal.locked_tenant(
  p_code varchar, out tenant_hk bytea, out tenant_state text)
returns record
language plpgsql volatile
as $function$
begin
  select t.tenant_hk into tenant_hk from script_tracking.tenant_h as t where t.tenant_bk = p_code for update;
  if tenant_hk is null then
    raise exception using errcode = 'ST002', message = pg_catalog.format('tenant %L is not registered', p_code);
  elsif tenant_hk = pg_catalog.sha256('system') then
    raise exception using errcode = 'ST003',
      message = 'the tenant system takes what has no other tenant: it is neither renamed nor suspended nor offboarded';
  end if;
  -- a statement of its own: the one above may have waited for somebody who changed it
  tenant_state := script_tracking_internal.tenant_state(tenant_hk);
end
$function$;
