-- requires: links/links_lag.sql
-- For the daemon: how far the links are, and when vault_check last came to its end.
create or replace function script_tracking_internal.collect_links()
returns table (links_lag_seconds double precision, pass_timestamp_seconds double precision)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select script_tracking_internal.links_lag(),
    (select extract(epoch from max(r.last_pass_at)) from script_tracking_internal.vault_check_result as r)::double precision
$function$;
