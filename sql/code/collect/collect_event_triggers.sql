-- requires: capture/event_triggers.sql, capture/event_triggers_off.sql, capture/event_triggers_wanted.sql, capture/changed_guards.sql
-- For the daemon: whether each event trigger stands, fires always and calls the right function, and no setting keeps it from firing;
-- and whether it, or the function that it calls, is another than was installed. NULL where it does not stand.
-- No row where the database is not to have them.
create or replace function script_tracking_internal.collect_event_triggers()
returns table (trigger text, enabled integer, changed integer)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select w.name, (exists (
    select from pg_event_trigger as e join pg_proc as p on p.oid = e.evtfoid join pg_namespace as n on n.oid = p.pronamespace
    where e.evtname = w.name and e.evtenabled = 'A' and n.nspname = 'script_tracking' and p.proname = w.function)
    and not o.is_off)::integer,
    (select (c.name is not null)::integer from pg_event_trigger as e where e.evtname = w.name)
  from script_tracking_internal.event_triggers() as w cross join script_tracking_internal.event_triggers_off() as o (is_off)
  left join script_tracking_internal.changed_guards() as c on c.kind = 'event_trigger' and c.name = w.name::text
  where script_tracking_internal.event_triggers_wanted()
$function$;
