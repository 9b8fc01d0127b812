-- Takes the named differences over into catalog_state.
create or replace function script_tracking_internal.accept_pending(p_keys text[])
returns void
language plpgsql volatile
as $function$
begin
  with accepted as (
    delete from script_tracking_internal.catalog_pending as p
    where concat_ws('.', p.class_id, p.object_id, p.sub_id) = any (p_keys)
    returning p.*
  ), dropped as (
    delete from script_tracking_internal.catalog_state as s
    using accepted as a
    where a.change = 'DROP' and not a.gone
      and s.class_id = a.class_id and s.object_id = a.object_id and s.sub_id = a.sub_id
  )
  insert into script_tracking_internal.catalog_state as s
    (class_id, object_id, sub_id, object_type, identity, schema_id, cluster_wide, roots, facts)
  select a.class_id, a.object_id, a.sub_id, a.object_type, a.identity, a.schema_id, a.cluster_wide, a.present_roots, a.after
  from accepted as a where a.change <> 'DROP' and not a.gone
  on conflict (class_id, object_id, sub_id) do update
  set identity = excluded.identity, schema_id = excluded.schema_id, roots = excluded.roots, facts = excluded.facts;
end
$function$;
