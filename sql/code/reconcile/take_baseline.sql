-- requires: reconcile/watched_units.sql
-- Takes the catalogs as they are for accounted for, and starts from here: at the first installation, and where catalog_state
-- tells of another incarnation (a restore, a copy, an upgraded cluster) or format of facts, since oids and hashes compare
-- only within those; what was done in a pause report_gap() has told before.
create or replace function script_tracking_internal.take_baseline(p_format integer)
returns bigint
language plpgsql volatile
as $function$
declare
  v_taken bigint;
begin
  delete from script_tracking_internal.catalog_pending;
  delete from script_tracking_internal.catalog_state;
  -- one statement, so that the snapshot is the one by which the catalogs were read
  with taken as (
    insert into script_tracking_internal.catalog_state
      (class_id, object_id, sub_id, object_type, identity, schema_id, cluster_wide, roots, facts)
    select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, u.cluster_wide, u.roots, u.facts
    from script_tracking_internal.watched_units() as u
    returning 1
  ), state as (
    insert into script_tracking_internal.reconcile_state as r
      (incarnation, format, snapshot, passed_at, pass_seconds, baseline_at)
    select i.incarnation, p_format, pg_current_snapshot(), now(), 0, now()
    from script_tracking_internal.installation as i
    on conflict (singleton) do update
    set incarnation = excluded.incarnation, format = excluded.format,
        snapshot = excluded.snapshot, passed_at = excluded.passed_at, pass_seconds = excluded.pass_seconds,
        baseline_at = excluded.baseline_at
  )
  select count(*) into v_taken from taken;
  return v_taken;
end
$function$;
