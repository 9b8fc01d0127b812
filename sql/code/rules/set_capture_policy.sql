-- requires: rules/record_change.sql, rules/checked_tag.sql
-- Says whether DDL whose record cannot be written is refused, for a tenant and a command.
create or replace function script_tracking.set_capture_policy(tenant text, tag text, fail_closed boolean)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_tag    text := script_tracking_internal.checked_tag(set_capture_policy.tag);
  v_hk     bytea;
  v_before jsonb;
  v_after  jsonb;
begin
  if set_capture_policy.tenant is not null then
    select t.tenant_hk into v_hk from script_tracking.tenant_h as t where t.tenant_bk = set_capture_policy.tenant;
    if v_hk is null then
      raise exception using errcode = 'ST002', message = format('tenant %L is not registered', set_capture_policy.tenant);
    end if;
  end if;
  lock table script_tracking_internal.capture_policy in share row exclusive mode;
  delete from script_tracking_internal.capture_policy as p
  where p.tenant_hk is not distinct from v_hk and p.tag is not distinct from v_tag
  returning jsonb_build_object('tenant', set_capture_policy.tenant, 'tag', p.tag, 'fail_closed', p.fail_closed)
    into v_before;
  if set_capture_policy.fail_closed is not null then
    insert into script_tracking_internal.capture_policy as p (tenant_hk, tag, fail_closed)
    values (v_hk, v_tag, set_capture_policy.fail_closed);
    v_after := jsonb_build_object('tenant', set_capture_policy.tenant, 'tag', v_tag, 'fail_closed', set_capture_policy.fail_closed);
  end if;
  if v_before is distinct from v_after then
    perform script_tracking_internal.record_change('set_capture_policy', null, v_before, v_after);
  end if;
  if set_capture_policy.fail_closed then
    raise warning 'from now on a fault of the tracker refuses % of %',
        coalesce(v_tag, 'every DDL statement'), coalesce('tenant ' || set_capture_policy.tenant, 'every tenant')
      using errcode = 'ST005',
        detail = 'DDL whose record cannot be written fails with ST005, that of superusers included, until the fault is mended.',
        hint = format('The way out: select script_tracking.set_capture_policy(%L, %L, false), or script-tracking-exporter schema upgrade, which repairs the tracker; where both fail: drop event trigger et_ddl_command_end.',
          set_capture_policy.tenant, v_tag);
  end if;
end
$function$;
comment on function script_tracking.set_capture_policy(text, text, boolean) is
  'Whether DDL whose record cannot be written is refused (ST005) for a tenant and a command tag, NULL for any; fail_closed NULL takes the policy back; ST002, ST003';
