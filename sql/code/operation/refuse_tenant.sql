-- requires: tenancy/session_identity.sql
-- Raises ST002 for a writing_context() that refused the claim of an operation.
create or replace function script_tracking_internal.refuse_tenant(p_refused text, p_claim text)
returns void
language plpgsql stable
as $function$
begin
  -- one answer for a tenant that is somebody else's and for one that does not exist
  raise exception using errcode = 'ST002',
    message = case when p_refused = 'ambiguous' then 'the role belongs to several tenants'
      else pg_catalog.format('role %I is not a member of a tenant %L', script_tracking_internal.session_identity(), p_claim) end,
    hint = case when p_refused = 'ambiguous'
      then 'Name one: the argument tenant, or set script_tracking.tenant.'
      else 'A superuser grants membership by script_tracking.grant_tenant().' end;
end
$function$;
