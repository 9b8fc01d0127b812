-- For the daemon: how the reading of the server's log stands; no row before it has begun.
create or replace function script_tracking_internal.collect_server_log()
returns table (bytes_behind bigint, last_read_timestamp_seconds double precision, unparsed_lines_total bigint, gaps_total bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select p.bytes_behind, extract(epoch from p.read_at)::double precision, p.unparsed_lines, p.gaps
  from script_tracking_internal.log_position as p
$function$;
