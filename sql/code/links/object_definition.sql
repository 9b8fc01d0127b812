-- requires: reconcile/described_fact.sql
-- What an object is defined as since the transaction that touched it last, fact by fact in the words of the comparison of the
-- catalogs: NULL where that has not seen the transaction yet, or has found a difference that it has not settled. Of earlier
-- definitions the record holds the statements, and no such facts.
create or replace function script_tracking_internal.object_definition(
  p_class_id oid, p_object_id oid, p_incarnation integer, p_xid xid8)
returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select array(select script_tracking_internal.described_fact(f.fact) from unnest(c.facts) with ordinality as f (fact, place)
               order by f.place)
  from script_tracking_internal.catalog_state as c cross join script_tracking_internal.reconcile_state as r
  where c.class_id = p_class_id and c.object_id = p_object_id and c.sub_id = 0
    and r.incarnation = p_incarnation and pg_visible_in_snapshot(p_xid, r.snapshot)
    and not exists (select from script_tracking_internal.catalog_pending as p
      where p.class_id = c.class_id and p.object_id = c.object_id and p.sub_id = c.sub_id)
$function$;
