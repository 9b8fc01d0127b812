-- Seconds since the oldest version was recorded that the links have not taken in; 0 where there is none. With a count, as
-- rollup_lag of health_upkeep.
create or replace function script_tracking_internal.links_lag()
returns double precision
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select coalesce((select extract(epoch from clock_timestamp() - min(s.load_date))
    from script_tracking.script_execution_s as s cross join script_tracking_internal.links_state as l
    where s.execution_status <> 'RUNNING' and s.xid >= (
        select case when l.incarnation = i.incarnation then l.horizon else '0'::xid8 end
        from script_tracking_internal.links_state as l, script_tracking_internal.installation as i)
      and (s.incarnation > l.incarnation or s.incarnation = l.incarnation and s.xid >= l.horizon)
    having count(*) > 0), 0)::double precision
$function$;
