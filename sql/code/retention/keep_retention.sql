-- requires: retention/remove_partitions.sql, retention/disposal.sql
-- For the daemon: removes the oldest partition that nothing keeps, if any, by the setting retention.days and the tenants'
-- own. Returns how many executions went. By default nothing goes: retention.days is none, and nothing is disposable.
create or replace function script_tracking_internal.keep_retention()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set lock_timeout = '200ms'
set client_min_messages = 'warning'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_days integer := (select nullif(s.value, 'none')::integer from script_tracking_internal.setting as s where s.name = 'retention.days');
begin
  if script_tracking_internal.disposal() in ('none', 'disputed')
    or (v_days is null and not exists (select from script_tracking_internal.tenant_retention))
  then
    return 0;
  end if;
  return script_tracking_internal.remove_partitions(v_days, 1);
end
$function$;
