-- Which object a record means by a name: of a column its relation; of what a drop took, as it is called elsewhere: a type
-- without the quotes around its whole name, and what belongs to a table as "name on table". Else as plain_identity() has it,
-- which a reader, for whom a view calls this, could not call.
create or replace function script_tracking_internal.object_identity(p_class_id oid, p_name text, p_is_part boolean, p_dropped boolean)
returns text
language plpgsql immutable parallel safe
as $function$
declare
  v_names text[];
begin
  if (p_is_part or p_dropped and p_class_id in (2606, 2618, 2620, 3256))
    and p_name operator(pg_catalog.~) '^(?:(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)(?:\.|$)){3}$'
  then
    v_names := pg_catalog.parse_ident(p_name);
    return case when p_is_part then pg_catalog.format('%I.%I', v_names[1], v_names[2])
      else pg_catalog.format('%I on %I.%I', v_names[3], v_names[1], v_names[2]) end;
  elsif p_dropped and p_class_id = 1247 and pg_catalog.left(p_name, 1) = '"' then
    return pg_catalog.replace(pg_catalog.substr(p_name, 2, pg_catalog.length(p_name) - 2), '""', '"');
  end if;
  return pg_catalog.replace(pg_catalog.replace(p_name, ', ', ','), 'pg_catalog.', '');
end
$function$;
