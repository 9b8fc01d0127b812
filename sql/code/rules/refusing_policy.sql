-- requires: tenancy/writing_context.sql, capture/log_fault.sql
-- Asked when a record cannot be written: the policy by which the statement is refused, in words, and the refusal counted;
-- NULL where it goes through. The most precise policy decides: tenant and command, tenant, command, any.
-- What cannot be read or decided fails open, counted. The installer is let through: it repairs.
create or replace function script_tracking_internal.refusing_policy(p_tag text, p_claim text)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_tenant  bytea;
  v_general boolean;
  v_policy  record;
begin
  if not exists (
    select from script_tracking_internal.capture_policy as p where p.fail_closed and (p.tag is null or p.tag = p_tag))
  then
    return null;
  end if;
  if coalesce(current_setting('script_tracking_internal.installing', true), '') = 'on' then
    if pg_has_role(script_tracking_internal.session_identity(), 'script_tracking_owner', 'member') then
      return null;
    end if;
  end if;

  v_general := coalesce((
    select p.fail_closed from script_tracking_internal.capture_policy as p
    where p.tenant_hk is null and (p.tag is null or p.tag = p_tag) order by p.tag nulls last limit 1), false);
  if exists (
    select from script_tracking_internal.capture_policy as p
    where p.tenant_hk is not null and (p.tag is null or p.tag = p_tag) and p.fail_closed <> v_general)
  then
    v_tenant := (script_tracking_internal.writing_context(p_claim)).tenant_hk;
  end if;
  select p.fail_closed, t.tenant_bk, p.tag into v_policy
  from script_tracking_internal.capture_policy as p
  left join script_tracking.tenant_h as t on t.tenant_hk = p.tenant_hk
  where (p.tag is null or p.tag = p_tag) and (p.tenant_hk is null or p.tenant_hk = v_tenant)
  order by p.tenant_hk is null, p.tag is null
  limit 1;
  if not coalesce(v_policy.fail_closed, false) then
    return null;
  end if;
  perform nextval('script_tracking_internal.refused_ddl_seq');
  return format('fail-closed for %s of %s', coalesce(v_policy.tag, 'every command'),
    coalesce('tenant ' || v_policy.tenant_bk, 'every tenant'));
exception when others then
  perform script_tracking_internal.log_fault(concat('capture policies for ', p_tag, ' not read'), sqlstate, sqlerrm);
  perform nextval('script_tracking_internal.unreadable_policy_seq');
  return null;
end
$function$;
