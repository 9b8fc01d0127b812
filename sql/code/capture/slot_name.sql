-- Name of the one slot of this database: by its oid, which a rename keeps and which fits into a slot's name.
create or replace function script_tracking_internal.slot_name()
returns name
language sql stable
as $function$
  select ('script_tracking_' operator(pg_catalog.||) d.oid)::name
  from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()
$function$;
