-- requires: upkeep/partitioned_tables.sql
-- Takes the partitioned tables and the partitions named exclusively, to attach and detach. Whoever writes waits behind it
-- while it waits, so it waits 100 ms in all, not for each of them, and then raises 55P03. What is done under these locks
-- has to be short; what takes its time is done before.
create or replace function script_tracking_internal.lock_partitions(p_partitions regclass[])
returns void
language plpgsql volatile
set lock_timeout = '100ms'
as $function$
declare
  v_until timestamptz := pg_catalog.clock_timestamp() + interval '100 milliseconds';
  v_table text;
begin
  for v_table in
    select l.name
    from (
      select t.place, pg_catalog.format('script_tracking.%I', t.relation) as name
      from script_tracking_internal.partitioned_tables() as t
      union all
      select 1000 + p.place, p.partition::text
      from pg_catalog.unnest(p_partitions) with ordinality as p (partition, place)) as l
    order by l.place
  loop
    perform pg_catalog.set_config('lock_timeout', greatest(
      pg_catalog.ceil(extract(epoch from v_until - pg_catalog.clock_timestamp()) * 1000), 1)::text, true);
    execute pg_catalog.format('lock table only %s in access exclusive mode', v_table);
  end loop;
end
$function$;
