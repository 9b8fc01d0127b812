-- run-as: installer
-- The transaction that the totals wait for: the oldest of the cluster, in any database, that has written something; no
-- row where none is open but the caller's. Belongs to the installing role, because only pg_read_all_stats shows what
-- another role's session does. The sessions are not gone through, of which there may be hundreds, where the snapshot's
-- oldest is the one that comes next: then no such transaction is open. Which comes next is asked once in a transaction, so one that
-- begins during the caller's may be found by the caller's next one.
create or replace function script_tracking_internal.horizon_holder()
returns table (holder text, held_since timestamptz)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select h.holder, h.held_since
  from (
    select format('pid %s in database %s', a.pid, a.datname), a.xact_start, age(a.backend_xid)
    from pg_stat_activity as a where a.backend_xid is not null and a.pid <> pg_backend_pid()
    union all
    select format('prepared transaction %s in database %s', quote_literal(x.gid), x.database), x.prepared, age(x.transaction)
    from pg_prepared_xacts as x) as h (holder, held_since, age)
  where pg_current_xact_id_if_assigned() is not null or age(pg_snapshot_xmin(pg_current_snapshot())::xid) <> 0
  order by h.age desc, h.held_since
  limit 1
$function$;
revoke all on function script_tracking_internal.horizon_holder() from public;
grant execute on function script_tracking_internal.horizon_holder() to script_tracking_owner;
