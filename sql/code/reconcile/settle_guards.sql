-- requires: reconcile/guard_units.sql, capture/own_write.sql
-- For the installer's and upkeep's last step, whose DDL on the tracker is not recorded: what this very transaction wrote of the tracker's own
-- objects is accounted for as it now stands, of one catalog or of all; and with all so are functions and schemas that are gone.
-- What somebody else wrote is left to the next pass. Of an owner, rights and row-level security no transaction tells: upkeep, which names
-- the catalog, changes none of a table that stands, the installer puts them right.
-- In a cluster of another identity oids compare no more: the next pass takes a baseline, or tells by names what a pause left unrecorded.
create or replace function script_tracking_internal.settle_guards(p_class_id oid default null)
returns void
language plpgsql volatile
set row_security = on
as $function$
begin
  if (select r.incarnation from script_tracking_internal.reconcile_state as r)
    <> (select i.incarnation from script_tracking_internal.installation as i)
  then
    return;
  end if;
  if p_class_id is null then
    delete from script_tracking_internal.catalog_state as s
    where s.facts[1] = 'of the tracker' and s.class_id in (1255, 2615)
      and not exists (select from pg_catalog.pg_proc as f where s.class_id = 1255 and f.oid = s.object_id)
      and not exists (select from pg_catalog.pg_namespace as n where s.class_id = 2615 and n.oid = s.object_id);
  end if;
  insert into script_tracking_internal.catalog_state as s
    (class_id, object_id, sub_id, object_type, identity, schema_id, cluster_wide, roots, facts)
  select u.class_id, u.object_id, u.sub_id, u.object_type, u.identity, u.schema_id, false, u.roots, u.facts
  from script_tracking_internal.guard_units() as u
  left join script_tracking_internal.catalog_state as c
    on c.class_id = u.class_id and c.object_id = u.object_id and c.sub_id = u.sub_id
  cross join lateral (
    select coalesce(pg_catalog.bool_and(
      script_tracking_internal.own_write(pg_catalog.split_part(f.fact, ' ', 2)::xid, '1'::cid, 0)), p_class_id is null) as is_own
    from pg_catalog.unnest(u.facts) as f (fact)
    where f.fact like 'transaction %' and f.fact <> all (coalesce(c.facts, '{}'))) as w
  where (p_class_id is null or u.class_id = p_class_id) and u.facts is distinct from c.facts and w.is_own
  on conflict (class_id, object_id, sub_id) do update
  set identity = excluded.identity, roots = excluded.roots, facts = excluded.facts;
end
$function$;
