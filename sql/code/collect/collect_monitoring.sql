-- requires: monitoring/lock_waits.sql, upkeep/horizon_holder.sql
-- For the daemon: DDL and maintenance that wait for locks, and whom they hold up; and for how long the oldest
-- transaction that wrote something, of any database, has been open.
create or replace function script_tracking_internal.collect_monitoring()
returns table (ddl_waiting bigint, ddl_waiting_seconds double precision, ddl_queued_sessions bigint, horizon_held_seconds double precision)
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select count(*), coalesce(greatest(extract(epoch from clock_timestamp() - min(w.waiting_since)), 0), 0)::double precision,
    coalesce(sum(w.queued_sessions), 0)::bigint,
    coalesce((select greatest(extract(epoch from clock_timestamp() - h.held_since), 0)
      from script_tracking_internal.horizon_holder() as h), 0)::double precision
  from script_tracking_internal.lock_waits() as w
$function$;
