-- requires: reconcile/reconcile.sql
-- A pass for whoever cannot come again: waits up to ten seconds for its turn, then says that there was none.
-- Where the comparison fails that is told as well: neither pausing nor resuming depends on it.
create or replace function script_tracking_internal.reconcile_at_once()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
begin
  for v_try in 1..100 loop
    perform from script_tracking_internal.reconcile();
    if found then
      return;
    end if;
    perform pg_sleep(0.1);
  end loop;
  raise notice 'another reader of the capture went on for ten seconds: the catalogs were not compared now, the exporter does so later';
exception when others then
  raise warning 'the catalogs could not be compared (%): the exporter does so later', sqlstate;
end
$function$;
