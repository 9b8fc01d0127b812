-- requires: rollup/pending_version.sql
-- Executions begun from p_from on that the roll-ups by time do not hold yet, each by its first final version; where p_tenants is not
-- NULL, of those tenants alone. The roll-ups read in the same statement are what goes with them.
-- Without settings, stable and not strict: so that it is inlined where it is called.
create or replace function script_tracking_internal.read_pending(p_tenants bytea[], p_from timestamptz)
returns setof script_tracking_internal.pending_version
language sql stable
as $function$
  select p.* from script_tracking_internal.pending_version as p
  where p.execution_timestamp operator(pg_catalog.>=) p_from and not p.revises
    and (p_tenants is null or p.tenant_hk operator(pg_catalog.=) any (p_tenants))
$function$;
