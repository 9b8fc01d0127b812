-- Removes attempts that succeeded five minutes ago, others that were judged six hours ago, for the server's log may be read
-- late, and those of an earlier incarnation: their transactions are another cluster's. Returns how many went.
-- With them the errors of the server's log that were settled a day ago.
create or replace function script_tracking_internal.purge_attempts()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_gone bigint;
begin
  delete from script_tracking_internal.attempt as a
  where a.judged_at < clock_timestamp() - case when a.verdict in ('COMPLETED', 'SKIPPED') then interval '5 minutes'
      else interval '6 hours' end
    or a.incarnation < (select i.incarnation from script_tracking_internal.installation as i);
  get diagnostics v_gone = row_count;
  delete from script_tracking_internal.log_error as e where e.settled_at < clock_timestamp() - interval '1 day';
  return v_gone;
end
$function$;
