-- requires: tenancy/session_identity.sql
-- Raises ST002 for a writing_context() that refused the claim of an operation, ST006 where the tenant takes none.
create or replace function script_tracking_internal.refuse_tenant(p_refused text, p_claim text)
returns void
language plpgsql stable
as $function$
begin
  if p_refused in ('suspended', 'offboarded') then  -- only members and superusers learn so much
    raise exception using errcode = 'ST006',
      message = pg_catalog.format('the tenant%s is %s and takes no operations', ' ' || pg_catalog.quote_literal(p_claim), p_refused),
      hint = case when p_refused = 'suspended' then 'A superuser ends that by script_tracking.resume_tenant().'
        else 'That is for good.' end;
  end if;
  -- one answer for a tenant that is somebody else's and for one that does not exist
  raise exception using errcode = 'ST002',
    message = case when p_refused = 'ambiguous' then 'the role belongs to several tenants'
      else pg_catalog.format('role %I is not a member of a tenant %L', script_tracking_internal.session_identity(), p_claim) end,
    hint = case when p_refused = 'ambiguous'
      then 'Name one: the argument tenant, or set script_tracking.tenant.'
      else 'A superuser grants membership by script_tracking.grant_tenant().' end;
end
$function$;
