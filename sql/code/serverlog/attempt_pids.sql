-- For the daemon: processes with an attempt that an error in the log may belong to, whatever statement it names.
create or replace function script_tracking_internal.attempt_pids()
returns integer[]
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select coalesce(array_agg(distinct o.pid), '{}')
  from (
    -- two queries, as each has an index of its own
    select a.pid from script_tracking_internal.attempt as a
    where a.verdict is null and a.ended_at is null and a.log_evidence is null
    union all
    select a.pid from script_tracking_internal.attempt as a
    where a.verdict is not null and a.judged_at > clock_timestamp() - interval '10 minutes'
      and a.ended_at is null and a.log_evidence is null) as o
$function$;
