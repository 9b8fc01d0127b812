-- requires: reconcile/watched_units.sql, reconcile/lasting_facts.sql, reconcile/report_changes.sql
-- Reports what was made, changed and dropped while tracking paused for an upgrade that gave the cluster another identity, before the new
-- baseline: oids and hashes compare no more, so objects are found again by kind and name, and compared by what an upgrade keeps.
-- Nothing was recorded meanwhile, so no record accounts for any of it. Returns how many changes were reported.
create or replace function script_tracking_internal.report_gap()
returns bigint
language plpgsql volatile
as $function$
declare
  v_cluster  boolean := script_tracking_internal.watches_cluster();
  v_anew     boolean;
  v_dropped  boolean;
  v_reported bigint;
  v_all      bigint := 0;
begin
  delete from script_tracking_internal.catalog_pending;
  select count(*) filter (where c.oid = s.object_id) * 2 < count(*) into v_anew
  from script_tracking_internal.catalog_state as s
  join (pg_class as c join pg_namespace as n on n.oid = c.relnamespace) on quote_ident(n.nspname) || '.' || quote_ident(c.relname) = s.identity
  where s.class_id = 1259;
  -- what is gone first: its oid may be another object's by now
  foreach v_dropped in array array[true, false] loop
    insert into script_tracking_internal.catalog_pending
      (class_id, object_id, sub_id, change, object_type, identity, schema_id, cluster_wide, roots, present_roots,
       before, after, base, since, first_seen_at, passes, gone)
    select coalesce(u.class_id, s.class_id), coalesce(u.object_id, s.object_id), coalesce(u.sub_id, s.sub_id),
      case when v_dropped then 'DROP' when s.identity is null then 'CREATE' else 'ALTER' end,
      coalesce(u.object_type, s.object_type), coalesce(u.identity, s.identity), coalesce(u.schema_id, s.schema_id),
      coalesce(u.cluster_wide, s.cluster_wide), coalesce(u.roots, s.roots), u.roots,
      s.lasting, u.lasting, r.snapshot, r.passed_at, clock_timestamp(), 2, false
    from (
      select w.*, script_tracking_internal.lasting_facts(w.facts, w.class_id = 1255 and f.prosqlbody is not null, v_anew) as lasting,
        f.prosqlbody is not null as tree,
        row_number() over (partition by w.object_type, w.identity, w.cluster_wide order by w.object_id, w.sub_id) as nth
      from script_tracking_internal.watched_units() as w
      left join pg_proc as f on w.class_id = 1255 and f.oid = w.object_id
      where w.class_id not in (1260, 1261) or greatest(w.object_id, w.sub_id) >= 16384) as u
    full join (
      select c.*, script_tracking_internal.lasting_facts(c.facts, false, v_anew) as lasting,
        script_tracking_internal.lasting_facts(c.facts, true, v_anew) as bare,
        row_number() over (partition by c.object_type, c.identity, c.cluster_wide order by c.object_id, c.sub_id) as nth
      from script_tracking_internal.catalog_state as c
      where (v_cluster or not c.cluster_wide) and (c.class_id not in (1260, 1261) or greatest(c.object_id, c.sub_id) >= 16384)) as s
      on s.object_type = u.object_type and s.identity = u.identity and s.cluster_wide = u.cluster_wide and s.nth = u.nth
    cross join script_tracking_internal.reconcile_state as r
    where v_dropped = (u.identity is null)
      and u.lasting is distinct from case when u.tree then s.bare else s.lasting end
      -- the tracker's own are as the release has them where an installer has been since
      and not ((coalesce(u.facts, s.facts))[1] = 'of the tracker'
        and exists (select from script_tracking_internal.schema_code as k where k.applied_at > r.passed_at));
    loop
      v_reported := script_tracking_internal.report_changes();
      v_all := v_all + v_reported;
      exit when v_reported = 0;
    end loop;
    delete from script_tracking_internal.catalog_pending;
  end loop;
  return v_all;
end
$function$;
