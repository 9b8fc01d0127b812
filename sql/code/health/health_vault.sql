-- requires: check/vault_found.sql, links/links_lag.sql
-- Health checks of the vault's rows and of what is derived from them. A row for each, for get_system_health() to judge: is_floor
-- says that a value below the threshold is bad, and not one above. Part of get_system_health(), whose rights and settings it has.
create or replace function script_tracking_internal.health_vault()
returns table (check_name text, value double precision, threshold double precision, unit text, bad_status text,
  is_floor boolean, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select 'vault_check',
    (select case when bool_or(f.status <> 'unknown') then sum(f.violations) filter (where f.counts) end
     from script_tracking_internal.vault_found as f)::double precision,
    0, 'violations', 'critical', false,
    'The record, or what is derived from it, was changed or is incomplete: script_tracking.vault_check() says what, and what to do.'
  union all
  select 'links_lag', script_tracking_internal.links_lag(), 600, 'seconds', 'warning', false,
    'The links to objects and parents wait for the transaction horizon, or the exporter does not run; get_object_history() is complete all the same.'
$function$;
