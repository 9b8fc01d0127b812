-- run-as: installer
-- How far the commands of these sessions are that PostgreSQL reports the progress of, in its own words; the ratio of the
-- present phase, 0 to 1, is NULL where it has none. As the installing role, for pg_read_all_stats.
create or replace function script_tracking_internal.session_progress(p_pids integer[])
returns table (pid integer, command text, phase text, ratio double precision)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select p.pid, p.command, p.phase, case when p.total > 0 then least(p.done::double precision / p.total, 1) end
  from (
    select c.pid, c.command, c.phase,
      case when c.blocks_total > 0 then c.blocks_done else c.tuples_done end as done,
      case when c.blocks_total > 0 then c.blocks_total else c.tuples_total end as total
    from pg_stat_progress_create_index as c
    union all
    select v.pid, 'VACUUM', v.phase, v.heap_blks_scanned, v.heap_blks_total from pg_stat_progress_vacuum as v
    union all
    select a.pid, 'ANALYZE', a.phase, a.sample_blks_scanned, a.sample_blks_total from pg_stat_progress_analyze as a
    union all
    select l.pid, l.command, l.phase, l.heap_blks_scanned, l.heap_blks_total from pg_stat_progress_cluster as l
    union all
    select o.pid, o.command, o.type, o.bytes_processed, o.bytes_total from pg_stat_progress_copy as o
  ) as p
  where p.pid = any (p_pids)
$function$;
revoke all on function script_tracking_internal.session_progress(integer[]) from public;
grant execute on function script_tracking_internal.session_progress(integer[]) to script_tracking_owner;
