-- The daemon's housekeeping.

-- name: ensure_incarnation
select script_tracking_internal.ensure_incarnation() as done

-- name: roll_up
-- A step towards the transaction horizon; more: the next one is due at once.
select s.added as done, s.more from script_tracking_internal.roll_up_slice() as s

-- name: derive_links
-- As much as two seconds take; more: the next one is due at once.
select d.done, d.done >= 10000 as more from script_tracking_internal.derive_links(2, 10000) as d (done)

-- name: check_vault
select script_tracking_internal.advance_vault_check(1) as done

-- name: ensure_partitions
select script_tracking_internal.ensure_partitions() as done

-- name: cut_newest
-- A step; more: the next one is due at once.
select c.done, c.more from script_tracking_internal.cut_newest() as c

-- name: keep_retention
-- One partition; more: perhaps another one can go.
select k.removed as done, k.removed > 0 as more
from (select script_tracking_internal.keep_retention() as removed) as k

-- name: look_at_partitions
select script_tracking_internal.look_at_partitions() as done

-- name: interrupt_operations
select script_tracking_internal.interrupt_operations() as done

-- name: holders
-- Who holds a lock on a table of ours at the moment; that of a prepared transaction has no session.
select coalesce(string_agg(distinct coalesce('pid ' || l.pid, 'a prepared transaction'), ', '), 'nobody by now') as holders
from pg_locks as l join pg_class as c on c.oid = l.relation join pg_namespace as n on n.oid = c.relnamespace
where l.granted and l.pid is distinct from pg_backend_pid()
  and l.database = (select d.oid from pg_database as d where d.datname = current_database())
  and n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
