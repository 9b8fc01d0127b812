-- The daemon's capture of what event triggers cannot record.

-- name: configure_capture
select script_tracking_internal.configure_capture({slot_wanted}, {slot_bound}) as done

-- name: probe_capture
select level, lacks, missing from script_tracking_internal.probe_capture()

-- name: guard_slot
select script_tracking_internal.guard_slot({broken}) as dropped

-- name: begin_round
-- The slot looked after, and the first steps of a round.
select script_tracking_internal.guard_slot(null) as dropped, script_tracking_internal.note_activity() as open,
  script_tracking_internal.flush_messages() as written

-- name: idle_round
-- Where nothing can be read: the slot looked after, and verdicts on what was announced before.
select script_tracking_internal.guard_slot(null) as dropped, script_tracking_internal.judge_attempts() as judged

-- name: begin_slot
select script_tracking_internal.begin_slot()::text as begins_at

-- name: note_slot_failure
select script_tracking_internal.note_slot_failure({failure}) as done

-- name: read_messages
select started, refused, behind from script_tracking_internal.read_messages()

-- name: holders
-- Who has the turn at the moment: see lock_capture().
select coalesce(string_agg(distinct coalesce('pid ' || l.pid, 'a prepared transaction'), ', '), 'nobody by now') as holders
from pg_locks as l
where l.granted and l.relation = 'script_tracking_internal.capture_lock'::regclass and l.mode = 'ShareUpdateExclusiveLock'
  and l.database = (select d.oid from pg_database as d where d.datname = current_database())

-- name: advance_messages
select script_tracking_internal.advance_messages() as done

-- name: judge_attempts
select script_tracking_internal.judge_attempts() as judged

-- name: purge_attempts
select script_tracking_internal.purge_attempts() as done

-- name: reconcile
select pg_catalog.set_config('script_tracking_internal.reconcile_pause', {seconds}, true);
select * from script_tracking_internal.reconcile()
