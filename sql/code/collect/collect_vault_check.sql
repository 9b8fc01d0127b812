-- requires: check/vault_found.sql
-- For the daemon: what vault_check has found; no rows before the first pass has begun.
create or replace function script_tracking_internal.collect_vault_check()
returns table (check_name text, violations bigint, checked_rows bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select f.check_name, f.violations, f.checked
  from script_tracking_internal.vault_found as f
  where f.counts and f.status <> 'unknown'
$function$;
