-- The daemon's housekeeping.

-- name: run
-- A step of a job, unless another exporter is at it or has just ended it; more: the next step is due at once.
select r.ran, r.done, r.more, r.last_run_timestamp_seconds, r.next_in_seconds
from script_tracking_internal.run_upkeep({job}, {every}) as r

-- name: holders
-- Who holds a lock on a table of ours at the moment; that of a prepared transaction has no session.
select coalesce(string_agg(distinct coalesce('pid ' || l.pid, 'a prepared transaction'), ', '), 'nobody by now') as holders
from pg_locks as l join pg_class as c on c.oid = l.relation join pg_namespace as n on n.oid = c.relnamespace
where l.granted and l.pid is distinct from pg_backend_pid()
  and l.database = (select d.oid from pg_database as d where d.datname = current_database())
  and n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
