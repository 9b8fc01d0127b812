-- run-as: installer
-- The sessions of this database, and the server's WAL writer, which starts when the server begins to take writes: at a
-- start, after a crash, at a promotion. Belongs to the installing role, because only pg_read_all_stats shows when another
-- role's session started; without that right backend_start is NULL.
create or replace function script_tracking_internal.sessions()
returns table (pid integer, backend_start timestamptz, is_wal_writer boolean)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select a.pid, a.backend_start, coalesce(a.backend_type = 'walwriter', false)
  from pg_stat_get_activity(null) as a  -- which the view joins with databases and roles
  where a.datid = (select d.oid from pg_database as d where d.datname = current_database())
    or a.backend_type = 'walwriter'
$function$;
revoke all on function script_tracking_internal.sessions() from public;
grant execute on function script_tracking_internal.sessions() to script_tracking_owner;
