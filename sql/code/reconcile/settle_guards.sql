-- requires: reconcile/guard_units.sql, capture/own_write.sql
-- For the installer's and upkeep's last step, whose DDL on the tracker is not recorded: what this very transaction wrote of the tracker's own
-- objects is accounted for as it now stands, of one catalog or of all; and with all so are functions and schemas that are gone.
-- What somebody else wrote is left to the next pass.
create or replace function script_tracking_internal.settle_guards(p_class_id oid default null)
returns void
language plpgsql volatile
set row_security = on
as $function$
begin
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
  where (p_class_id is null or u.class_id = p_class_id) and u.facts is distinct from c.facts and not exists (
    select from pg_catalog.unnest(u.facts) as f (fact)
    where f.fact like 'transaction %' and f.fact <> all (coalesce(c.facts, '{}'))
      and not script_tracking_internal.own_write(pg_catalog.split_part(f.fact, ' ', 2)::xid, '1'::cid, 0))
  on conflict (class_id, object_id, sub_id) do update
  set identity = excluded.identity, roots = excluded.roots, facts = excluded.facts;
end
$function$;
