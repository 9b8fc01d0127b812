-- run-as: installer
-- Sessions of this database that wait for a lock on a relation of a mode that only DDL, LOCK TABLE and maintenance take,
-- whom they wait for, and how many sessions wait for them in turn. As the installing role, for pg_read_all_stats.
-- waiting_since is when the wait began (14 and newer); where the server does not tell it, when the statement did.
create or replace function script_tracking_internal.lock_waits()
returns table (pid integer, session_user_name name, application_name text, waiting_since timestamptz, lock_mode text,
  relation oid, blocked_by integer[], queued_sessions bigint, statement text)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  with waiting as materialized (
    select l.pid, l.mode, l.relation, l.waitstart, pg_blocking_pids(l.pid) as blocked_by
    from pg_locks as l
    where not l.granted and l.locktype = 'relation'
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
  )
  select w.pid, r.rolname, a.application_name, coalesce(w.waitstart, a.query_start), w.mode, w.relation, w.blocked_by,
    (select count(*) from waiting as o where w.pid = any (o.blocked_by)), a.query
  from waiting as w
  cross join lateral pg_stat_get_activity(w.pid) as a  -- the view would go through all sessions though none waits
  left join pg_roles as r on r.oid = a.usesysid
  where w.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
$function$;
revoke all on function script_tracking_internal.lock_waits() from public;
grant execute on function script_tracking_internal.lock_waits() to script_tracking_owner;
