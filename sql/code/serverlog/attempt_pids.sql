-- For the daemon: processes with an attempt that an error in the log may belong to, whatever statement it names.
create or replace function script_tracking_internal.attempt_pids()
returns integer[]
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select coalesce(array_agg(distinct a.pid), '{}')
  from script_tracking_internal.attempt as a
  where a.ended_at is null and a.log_evidence is null
    and (a.judged_at is null or a.judged_at > clock_timestamp() - interval '10 minutes')
$function$;
