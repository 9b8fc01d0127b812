-- requires: reconcile/watched_units.sql
-- First step of a pass: what differs between the catalogs and catalog_state goes to catalog_pending. Returns the snapshot
-- by which the catalogs were read, and how many objects there are.
-- One statement, hence one snapshot: a statement's DDL and its record were committed together, so both are seen or neither.
-- An index that was made anew under its name, as REINDEX CONCURRENTLY does, is no difference.
create or replace function script_tracking_internal.note_differences(out snapshot pg_snapshot, out objects bigint)
language plpgsql volatile
as $function$
declare
  v_cluster boolean := script_tracking_internal.watches_cluster();
begin
  with unit as materialized (
    select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, u.cluster_wide, u.roots, u.facts
    from script_tracking_internal.watched_units() as u
  ), difference as materialized (
    select coalesce(u.class_id, s.class_id) as class_id, coalesce(u.object_id, s.object_id) as object_id,
      coalesce(u.sub_id, s.sub_id) as sub_id, coalesce(u.object_type, s.object_type) as object_type,
      case when u.class_id is null then 'DROP' when s.class_id is null then 'CREATE' else 'ALTER' end as change,
      coalesce(u.identity, s.identity) as identity, coalesce(u.schema_id, s.schema_id) as schema_id,
      coalesce(u.cluster_wide, s.cluster_wide) as cluster_wide,
      coalesce(u.roots, '{}') || coalesce(s.roots, '{}') as roots, u.roots as present_roots, s.facts as before, u.facts as after
    from unit as u
    full join (select c.* from script_tracking_internal.catalog_state as c where v_cluster or not c.cluster_wide) as s
      on s.class_id = u.class_id and s.object_id = u.object_id and s.sub_id = u.sub_id
    where u.facts is distinct from s.facts or u.identity is distinct from s.identity or u.roots is distinct from s.roots
  ), anew as (
    select o.object_id as old_id, n.object_id as new_id
    from difference as o join difference as n on n.identity = o.identity and n.after = o.before
    where o.change = 'DROP' and n.change = 'CREATE' and o.object_type = 'index' and n.object_type = 'index'
  ), replaced as (
    update script_tracking_internal.catalog_state as s set object_id = a.new_id
    from anew as a where s.class_id = 1259 and s.object_id = a.old_id and s.sub_id = 0
  ), moved as (  -- another schema's name, another parent: told of that object
    update script_tracking_internal.catalog_state as s
    set identity = d.identity, roots = d.present_roots
    from difference as d
    where d.change = 'ALTER' and d.before = d.after
      and s.class_id = d.class_id and s.object_id = d.object_id and s.sub_id = d.sub_id
  ), real as (
    select d.* from difference as d
    where d.before is distinct from d.after
      and not (d.class_id = 1259 and d.object_id in (select a.old_id from anew as a union all select a.new_id from anew as a))
  ), gone as (
    update script_tracking_internal.catalog_pending as p set gone = true, passes = p.passes + 1
    where not exists (
      select from real as r where r.class_id = p.class_id and r.object_id = p.object_id and r.sub_id = p.sub_id)
  ), kept as (
    insert into script_tracking_internal.catalog_pending as p
      (class_id, object_id, sub_id, change, object_type, identity, schema_id, cluster_wide, roots, present_roots,
       before, after, base, since, first_seen_at, passes, gone)
    select r.class_id, r.object_id, r.sub_id, r.change, r.object_type, r.identity, r.schema_id, r.cluster_wide, r.roots,
      r.present_roots, r.before, r.after, o.snapshot, o.passed_at, clock_timestamp(), 1, false
    from real as r cross join script_tracking_internal.reconcile_state as o
    on conflict (class_id, object_id, sub_id) do update
    set change = excluded.change, identity = excluded.identity, schema_id = excluded.schema_id, roots = excluded.roots,
        present_roots = excluded.present_roots, before = excluded.before, after = excluded.after, passes = p.passes + 1, gone = false
  )
  select pg_current_snapshot(), count(*) into snapshot, objects from unit;
end
$function$;
