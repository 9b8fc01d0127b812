-- Share of the watched objects whose definition baseline, records and acknowledgements account for; NULL before a baseline.
create or replace function script_tracking_internal.catalog_coverage()
returns double precision
language sql stable
as $function$
  with open as (
    select u.class_id, u.object_id, u.sub_id, pg_catalog.max(u.objects) as objects
    from script_tracking_internal.untracked_change as u where u.acknowledged_at is null group by 1, 2, 3
  ), counted as (
    select (select pg_catalog.count(*) from script_tracking_internal.catalog_state) as standing,
      (select coalesce(pg_catalog.sum(o.objects), 0) from open as o) as unaccounted,
      (select coalesce(pg_catalog.sum(o.objects), 0) from open as o
       where not exists (select from script_tracking_internal.catalog_state as s
         where s.class_id = o.class_id and s.object_id = o.object_id and s.sub_id = o.sub_id)) as departed
  )
  select greatest(1 - c.unaccounted / nullif(c.standing + c.departed, 0), 0)::double precision from counted as c
$function$;
