-- requires: reconcile/take_baseline.sql, reconcile/reconcile_format.sql, reconcile/catalog_units.sql, capture/event_triggers.sql
-- For the installer's last step: the first baseline, later on its own event triggers as they stand now, which it has just
-- made or kept.
create or replace function script_tracking_internal.settle_own()
returns void
language plpgsql volatile
set row_security = on
as $function$
begin
  if not exists (select from script_tracking_internal.reconcile_state) then
    perform script_tracking_internal.take_baseline(script_tracking_internal.reconcile_format());
    return;
  end if;
  delete from script_tracking_internal.catalog_state as s
  where s.class_id = 3466 and s.identity in (select e.name from script_tracking_internal.event_triggers() as e);
  insert into script_tracking_internal.catalog_state
    (class_id, object_id, sub_id, object_type, identity, schema_id, cluster_wide, roots, facts)
  select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, false, u.roots, u.facts
  from script_tracking_internal.catalog_units() as u
  where u.class_id = 3466 and u.identity in (select e.name from script_tracking_internal.event_triggers() as e)
  on conflict (class_id, object_id, sub_id) do update set facts = excluded.facts;
end
$function$;
