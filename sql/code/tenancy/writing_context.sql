-- requires: tenancy/session_identity.sql, tenancy/tenant_state.sql, tenancy/is_maintenance.sql
-- What a writer needs to know before it writes: the tenant of the statement, who acts, and the installation.
-- A claim (argument or setting) counts only for a member or a superuser who does not maintain somebody's table; without one the tenant is the role's only
-- membership, without any membership "system". refused says why the claim does not count: not_a_member, also
-- where there is no such tenant (nobody learns by claiming which exist), or ambiguous where several memberships leave the
-- choice open; tenant_hk is then what a writer that must not fail should use. Of what counts: suspended where the tenant is (tenant_hk stays: what a member does is the
-- tenant's all the same), and offboarded for one that gets no new records, with another tenant_hk.
create or replace function script_tracking_internal.writing_context(
  p_claim text, out tenant_hk bytea, out refused text, out acting_role name, out incarnation integer, out record_source varchar,
  out capture_level text, out state_key bytea, out message_inner_key bytea, out message_outer_key bytea,
  out noise_rules boolean)
language plpgsql stable
as $function$
declare
  v_superuser boolean := pg_catalog.current_setting('is_superuser') = 'on';
  v_members   bytea[];
  v_claimed   bytea;
  v_limited   boolean;
begin
  acting_role := script_tracking_internal.session_identity();
  -- a superuser is a member of every role, so for it only what was granted to it by name counts
  select i.incarnation, i.record_source, i.capture_level, i.state_key, i.message_inner_key, i.message_outer_key, i.noise_rules, i.restricted_tenants,
    array(select m.tenant_hk from script_tracking_internal.tenant_membership as m
          where case when v_superuser then m.role = pg_catalog.to_regrole(pg_catalog.quote_ident(acting_role))
            else pg_catalog.pg_has_role(acting_role, m.role::oid, 'member') end)
  into strict incarnation, record_source, capture_level, state_key, message_inner_key, message_outer_key, noise_rules, v_limited, v_members
  from script_tracking_internal.installation as i;

  if p_claim is null and pg_catalog.cardinality(v_members) < 2 then  -- most often, so it is asked first
    tenant_hk := coalesce(v_members[1], pg_catalog.sha256('system'));
    if v_limited then
      refused := nullif(script_tracking_internal.tenant_state(tenant_hk), 'active');
    end if;
    return;
  end if;
  if pg_catalog.cardinality(v_members) > 1 then  -- one tenant may be had through several roles
    v_members := array(select distinct m.tenant_hk from pg_catalog.unnest(v_members) as m (tenant_hk));
  end if;
  if p_claim is not null then
    select t.tenant_hk into v_claimed from script_tracking.tenant_h as t where t.tenant_bk = p_claim;
    if v_claimed is not null
      and (case when v_superuser then not script_tracking_internal.is_maintenance() else v_claimed = any (v_members) end)
    then
      if v_limited then
        refused := nullif(script_tracking_internal.tenant_state(v_claimed), 'active');
      end if;
      if refused is distinct from 'offboarded' then
        tenant_hk := v_claimed;
        return;
      end if;
    else
      refused := 'not_a_member';
    end if;
  end if;
  if pg_catalog.cardinality(v_members) = 1 then
    tenant_hk := v_members[1];
  else
    tenant_hk := pg_catalog.sha256('system');  -- the key that the installer gave it
    if pg_catalog.cardinality(v_members) > 1 and refused is null then
      refused := 'ambiguous';
    end if;
  end if;
end
$function$;
