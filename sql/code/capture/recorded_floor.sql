-- Command number of the last record that this transaction wrote: what it changed later belongs to the statement under way.
create or replace function script_tracking_internal.recorded_floor()
returns bigint
language sql stable
as $function$
  select coalesce(max(s.cmin::text::bigint), -1)
  from script_tracking.script_execution_s as s
  where s.xid = pg_catalog.pg_current_xact_id() and s.execution_status <> 'RUNNING'
$function$;
