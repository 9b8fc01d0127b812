-- What pg_event_trigger_ddl_commands() tells of a statement, which need not be one object: at most 1,000 of them, and of the
-- first one its catalog, identifier and kind. Where there are more the last element tells how many. member and temporary: whether all of them are an extension's, or temporary.
create or replace function script_tracking_internal.reported_objects(
  p_tag text, out objects jsonb, out names text[], out class oid, out object oid, out type text, out member boolean,
  out temporary boolean)
language plpgsql volatile
as $function$
declare
  v_command record;
  v_object  jsonb;
  v_count   bigint := 0;
  v_more    bigint := 0;
begin
  -- a loop over what is most often one row costs half of an aggregate
  for v_command in
    select c.object_type, c.schema_name, c.object_identity, c.objid, c.in_extension, c.classid
    from pg_catalog.pg_event_trigger_ddl_commands() as c
    -- what a new extension brings is its members, which the caller counts
    where not c.in_extension or c.object_type = 'extension' or p_tag not in ('CREATE EXTENSION', 'ALTER EXTENSION')
  loop
    v_count := v_count + 1;
    if v_count <= 1000 or v_command.schema_name like 'script\_tracking%' then  -- whatever guards those sees them
      v_object := pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
        'type', v_command.object_type, 'schema', v_command.schema_name, 'name', v_command.object_identity,
        'oid', nullif(v_command.objid, 0), 'temporary', nullif(v_command.schema_name = 'pg_temp', false)));
      if v_count = 1 then
        class := v_command.classid;
        object := v_command.objid;
        type := v_command.object_type;
        objects := pg_catalog.jsonb_build_array(v_object);
        names := array[v_command.object_identity];
        member := coalesce(v_command.in_extension, false);
        temporary := coalesce(v_command.schema_name = 'pg_temp', false);
        continue;
      elsif v_object <> objects -> -1 then  -- create or replace view tells its view twice
        objects := objects || v_object;
        names := pg_catalog.array_append(names, v_command.object_identity);
      end if;
    else
      v_more := v_more + 1;
    end if;
    member := member and coalesce(v_command.in_extension, false);
    temporary := temporary and coalesce(v_command.schema_name = 'pg_temp', false);
  end loop;
  if v_more > 0 then
    objects := objects || pg_catalog.jsonb_build_object('unlisted', v_more);
  end if;
end
$function$;
