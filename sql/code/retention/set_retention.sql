-- requires: rules/record_change.sql, rules/checked_reason.sql
-- Gives a tenant a retention of its own, or takes it back: longer than that of the others it keeps the partitions, shorter
-- it hides the tenant's records until their partition goes.
create or replace function script_tracking.set_retention(tenant text, days integer, reason text)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason text := script_tracking_internal.checked_reason(set_retention.reason);
  v_hk     bytea := (select t.tenant_hk from script_tracking.tenant_h as t where t.tenant_bk = set_retention.tenant);
  v_before integer;
begin
  if v_hk is null then
    raise exception using errcode = 'ST002', message = format('tenant %L is not registered', set_retention.tenant);
  elsif set_retention.days < 1 then
    raise exception using errcode = 'ST003', message = 'a retention must have at least one day';
  end if;
  lock table script_tracking_internal.tenant_retention in share row exclusive mode;
  delete from script_tracking_internal.tenant_retention as r where r.tenant_hk = v_hk returning r.days into v_before;
  if set_retention.days is not null then
    insert into script_tracking_internal.tenant_retention as r (tenant_hk, days, reason)
    values (v_hk, set_retention.days, v_reason);
  end if;
  if v_before is distinct from set_retention.days then
    perform script_tracking_internal.record_change('set_retention', v_reason,
      jsonb_build_object('tenant', set_retention.tenant, 'days', v_before),
      jsonb_build_object('tenant', set_retention.tenant, 'days', set_retention.days));
  end if;
end
$function$;
comment on function script_tracking.set_retention(text, integer, text) is
  'Keeps and shows a tenant''s executions for so many days (integer > 0) from their start; days NULL takes it back; on record; ST002, ST003';
