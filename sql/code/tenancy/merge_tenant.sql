-- Trigger, in an apply worker alone: what another node tells of a tenant. Who registered it here as well keeps that; of two
-- changes of one tenant the later one holds on every node, and the code of tenant_h follows. Nothing stops the worker.
create or replace function script_tracking_internal.merge_tenant()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_current script_tracking.tenant_s;
begin
  if tg_table_name = 'tenant_h' then
    if tg_op = 'INSERT' and not exists (select from script_tracking.tenant_h as t where t.tenant_hk = new.tenant_hk)
      or tg_op = 'UPDATE' and pg_trigger_depth() > 1
    then
      return new;
    end if;
    return null;  -- its code comes with the satellite
  end if;
  if tg_op = 'UPDATE' then
    return case when old.load_end_date is null then new end;
  end if;
  select s.* into v_current from script_tracking.tenant_s as s
  where s.tenant_hk = new.tenant_hk and s.load_end_date is null for update;
  if found then
    if v_current.load_date >= new.load_date or v_current.hash_diff = new.hash_diff or new.load_end_date is not null then
      return null;
    end if;
    update script_tracking.tenant_s as s set load_end_date = new.load_date
    where s.tenant_hk = new.tenant_hk and s.load_date = v_current.load_date;
  end if;
  update script_tracking.tenant_h as t set tenant_bk = new.tenant_code
  where t.tenant_hk = new.tenant_hk and t.tenant_bk <> new.tenant_code;
  if new.tenant_state <> 'active' then
    update script_tracking_internal.installation set restricted_tenants = true where not restricted_tenants;
  end if;
  return new;
end
$function$;
