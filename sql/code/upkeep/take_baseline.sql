-- Remembers which user objects stand in the catalog when tracking begins. Runs once; returns how many it noted.
create or replace function script_tracking_internal.take_baseline()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_taken bigint;
begin
  update script_tracking_internal.installation set baseline_at = clock_timestamp() where baseline_at is null;
  if not found then
    return 0;
  end if;
  insert into script_tracking_internal.baseline_object (class_id, object_id, object_type, identity, taken_at)
  select o.class_id, o.object_id, i.type, i.identity, clock_timestamp()
  from (
    select 'pg_class'::regclass::oid as class_id, c.oid as object_id, c.relnamespace as namespace_id
    from pg_class as c where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I', 'c')
    union all
    select 'pg_proc'::regclass, p.oid, p.pronamespace from pg_proc as p
    union all
    select 'pg_type'::regclass, t.oid, t.typnamespace from pg_type as t where t.typtype in ('d', 'e', 'r')
    union all
    select 'pg_namespace'::regclass, n.oid, n.oid from pg_namespace as n
    union all
    select 'pg_extension'::regclass, e.oid, e.extnamespace from pg_extension as e
  ) as o
  join pg_namespace as n on n.oid = o.namespace_id
  cross join lateral pg_identify_object(o.class_id, o.object_id, 0) as i
  where (n.nspname not in ('pg_catalog', 'information_schema', 'script_tracking', 'script_tracking_internal')
         and n.nspname !~ '^pg_(toast|temp)')
    or o.class_id = 'pg_extension'::regclass;
  get diagnostics v_taken = row_count;
  return v_taken;
end
$function$;
