-- requires: upkeep/ensure_incarnation.sql, upkeep/roll_up_slice.sql, upkeep/interrupt_operations.sql, upkeep/ensure_partitions.sql, upkeep/cut_newest.sql, retention/keep_retention.sql, retention/look_at_partitions.sql, links/derive_links.sql, check/advance_vault_check.sql
-- For the daemon: a step of one job of upkeep, unless another exporter is at it or it ended less than p_every seconds ago
-- (a tenth less will do: nobody's clock is exact). So a job runs once in its interval, whichever of several exporters comes
-- first, and where one of them is gone another takes over. p_every 0: whenever it ran, as for the next step of a job.
-- Returns whether it ran, what it did, whether the next step is due at once, when the job ended last, and in how many seconds
-- to come again. The lock is the job's row, until the transaction ends, so that it works behind a pooler; an advisory lock would
-- be anybody's to hold. What fails leaves no trace, and may be tried by the next one.
create or replace function script_tracking_internal.run_upkeep(
  p_job text, p_every double precision, out ran boolean, out done bigint, out more boolean,
  out last_run_timestamp_seconds double precision, out next_in_seconds double precision)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_seen_at timestamptz;
  v_ran_at  timestamptz;
  v_since   double precision;
begin
  ran := false;
  done := 0;
  more := false;
  if not exists (select from script_tracking_internal.upkeep_run as u where u.job = p_job) then
    insert into script_tracking_internal.upkeep_run (job) values (p_job) on conflict do nothing;
  end if;
  -- a lock is written down, so none is taken where it is too early
  select u.ran_at into v_seen_at from script_tracking_internal.upkeep_run as u where u.job = p_job;
  v_since := extract(epoch from clock_timestamp() - nullif(v_seen_at, '-infinity'));
  -- less than nothing: the clock was set back
  if v_since >= 0 and v_since < p_every * 0.9 then
    last_run_timestamp_seconds := extract(epoch from v_seen_at);
    next_in_seconds := p_every - v_since;
    return;
  end if;
  select u.ran_at into v_ran_at from script_tracking_internal.upkeep_run as u where u.job = p_job for update skip locked;
  if not found or p_every > 0 and v_ran_at <> v_seen_at then  -- another exporter is at it, or has just ended it
    last_run_timestamp_seconds := extract(epoch from nullif(coalesce(v_ran_at, v_seen_at), '-infinity'));
    next_in_seconds := p_every;
    return;
  end if;
  ran := true;
  case p_job
    when 'ensure_incarnation' then perform script_tracking_internal.ensure_incarnation();
    when 'interrupt_operations' then done := script_tracking_internal.interrupt_operations();
    when 'roll_up' then
      select s.added, s.more into done, more from script_tracking_internal.roll_up_slice() as s;
    when 'derive_links' then  -- as much as two seconds take
      done := script_tracking_internal.derive_links(2, 10000);
      more := done >= 10000;
    when 'ensure_partitions' then done := script_tracking_internal.ensure_partitions();
    when 'cut_newest' then
      select c.done, c.more into done, more from script_tracking_internal.cut_newest() as c;
    when 'keep_retention' then  -- one partition; perhaps another one can go
      done := script_tracking_internal.keep_retention();
      more := done > 0;
    when 'look_at_partitions' then done := script_tracking_internal.look_at_partitions();
    when 'check_vault' then done := script_tracking_internal.advance_vault_check(1)::integer;
  end case;
  update script_tracking_internal.upkeep_run as u
  set ran_at = clock_timestamp(), runs = u.runs + (not more)::integer
  where u.job = p_job
  returning extract(epoch from u.ran_at) into last_run_timestamp_seconds;
  next_in_seconds := p_every;
end
$function$;
