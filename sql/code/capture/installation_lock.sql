-- Which lock this transaction holds of those that let DDL on the tracker's schemas through: upkeep, that of upkeep, which
-- only the owner can take; installer, the installer's, which anybody can; NULL for none. Slow, as it reads pg_locks.
create or replace function script_tracking_internal.installation_lock()
returns text
language sql stable
as $function$
  select pg_catalog.max(case l.locktype when 'relation' then 'upkeep' else 'installer' end)
  from pg_catalog.pg_locks as l
  where l.pid = pg_catalog.pg_backend_pid() and l.granted and (
    l.locktype = 'advisory' and l.classid = 1 and l.objid = 1706906805 and l.objsubid = 1
    -- the first installation holds it as whoever makes a table does
    or l.locktype = 'relation' and l.mode in ('ShareRowExclusiveLock', 'AccessExclusiveLock')
      and l.relation = pg_catalog.to_regclass('script_tracking_internal.schema_migration'))
$function$;
