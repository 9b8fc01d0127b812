-- requires: capture/event_triggers.sql, capture/event_trigger_ddl_start.sql, capture/event_trigger_ddl_end.sql, capture/event_trigger_sql_drop.sql, capture/event_trigger_table_rewrite.sql
-- Makes the event triggers anew, as whoever calls: they belong to the installing superuser, nobody else can own one.
-- ENABLE ALWAYS, so that session_replication_role = replica does not pass them by.
-- An installer that is no superuser, as on a managed service, keeps those that stand as released: what it may not make it
-- must not drop.
create or replace function script_tracking_internal.make_event_triggers()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set client_min_messages = 'warning'  -- that there was none to drop is no news
as $function$
declare
  v_trigger record;
begin
  for v_trigger in
    select t.name, t.event, t.function from script_tracking_internal.event_triggers() as t
    where (select r.rolsuper from pg_roles as r where r.rolname = current_user) or not exists (
      select from pg_event_trigger as e join pg_proc as p on p.oid = e.evtfoid
      where e.evtname = t.name and e.evtenabled = 'A' and e.evtevent = t.event and e.evttags is null
        and p.proname = t.function and p.pronamespace = 'script_tracking'::regnamespace)
  loop
    execute format('drop event trigger if exists %I', v_trigger.name);
    execute format('create event trigger %I on %I execute function script_tracking.%I()',
      v_trigger.name, v_trigger.event, v_trigger.function);
    execute format('alter event trigger %I enable always', v_trigger.name);
  end loop;
end
$function$;
