-- For the daemon: how the reading of the server's log stands; before it has begun, bytes and time are NULL, unknown.
create or replace function script_tracking_internal.collect_server_log()
returns table (bytes_behind bigint, last_read_timestamp_seconds double precision, unparsed_lines_total bigint, gaps_total bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select p.bytes_behind, extract(epoch from p.read_at)::double precision, coalesce(p.unparsed_lines, 0),
    coalesce(p.gaps, 0)
  from script_tracking_internal.installation as i left join script_tracking_internal.log_position as p on true
$function$;
