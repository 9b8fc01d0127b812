-- requires: capture/backend_activity.sql, upkeep/server_began.sql
-- First step of a round: which open attempts are over, by what their sessions do now, and how the counters stand that
-- judging will compare with. Whoever is over and has not announced its end up to the log's position of now never will.
-- A statement is over when its session has ended, is idle, runs another statement, or has announced another one since.
-- Returns how many attempts are open.
create or replace function script_tracking_internal.note_activity()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_bad_ends bigint;
  v_lost     bigint;
  v_activity jsonb;
  v_lsn      pg_lsn;
  v_open     bigint;
begin
  select d.sessions_killed + d.sessions_fatal into v_bad_ends
  from pg_stat_database as d where d.datname = current_database();
  select case when q.is_called then q.last_value else 0 end into strict v_lost
  from script_tracking_internal.lost_record_seq as q;
  insert into script_tracking_internal.capture_reading (read_at, next_xid, bad_ends, lost)
  select clock_timestamp(), pg_snapshot_xmax(pg_current_snapshot()), v_bad_ends, v_lost
  where not exists (
    select from (select * from script_tracking_internal.capture_reading as r order by r.read_at desc limit 1) as r
    where r.bad_ends = v_bad_ends and r.lost = v_lost and r.read_at > clock_timestamp() - interval '30 seconds'
      and r.read_at >= script_tracking_internal.server_began());  -- those of an earlier life are no evidence of this one

  select count(*), jsonb_agg(distinct a.pid) into v_open, v_activity
  from script_tracking_internal.attempt as a where a.verdict is null;
  if v_open = 0 then
    return 0;
  end if;
  select jsonb_agg(b) into v_activity
  from script_tracking_internal.backend_activity(
    array(select p.value::integer from jsonb_array_elements_text(v_activity) as p)) as b;
  -- only now: what is over has emitted all it will below this position
  v_lsn := pg_current_wal_insert_lsn();
  update script_tracking_internal.attempt as a
  set past_at = clock_timestamp(), past_lsn = v_lsn, gone = b.pid is null
  from script_tracking_internal.attempt as o
  left join jsonb_to_recordset(coalesce(v_activity, '[]')) as b (
      pid integer, backend_start timestamptz, query_start timestamptz, state text)
    on b.pid = o.pid and b.backend_start <= o.started_at
  where a.attempt_id = o.attempt_id and o.verdict is null and o.ended_at is null and o.past_at is null
    and (b.pid is null
      or b.state not in ('active', 'fastpath function call', 'disabled')
      or (b.state <> 'disabled'
        and (extract(epoch from b.query_start) * 1000000)::bigint > (o.payload ->> 'stmt')::bigint)
      or b.state = 'disabled' and exists (  -- of any other session query_start has told
        select from script_tracking_internal.attempt as later
        where later.pid = o.pid and (later.payload ->> 'stmt')::bigint > (o.payload ->> 'stmt')::bigint));
  return v_open;
end
$function$;
