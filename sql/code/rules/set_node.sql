-- requires: rules/record_change.sql
-- Gives a database that replicates its record with others a range of version numbers of its own, so that no two of them write
-- the same one. Ranges lie apart by 10^15; all of them can be told exactly by JSON.
create or replace function script_tracking.set_node(node integer)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_range constant bigint := 1000000000000000;
  v_last  bigint := (select q.last_value from script_tracking_internal.execution_version_seq as q);
begin
  if set_node.node is null or set_node.node not between 1 and 8 then
    raise exception using errcode = 'ST003', message = 'node is not a number from 1 to 8';
  elsif v_last / v_range = set_node.node then
    return;
  elsif v_last / v_range > set_node.node then
    raise exception using errcode = 'ST003',
      message = format('this database is node %s already, and its version numbers only rise', v_last / v_range);
  end if;
  perform setval('script_tracking_internal.execution_version_seq', set_node.node * v_range);
  perform script_tracking_internal.record_change('set_node', null,
    jsonb_build_object('node', v_last / v_range), jsonb_build_object('node', set_node.node));
end
$function$;
comment on function script_tracking.set_node(integer) is
  'Numbers this database, 1 to 8, among those that replicate their record to each other; only to a higher number: ST003';
