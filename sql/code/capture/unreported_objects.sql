-- requires: capture/changed_partitions.sql, capture/granted_objects.sql
-- What a statement did that PostgreSQL does not report to its event triggers: which partition it attached or detached, whose
-- privileges it changed. p_type and p_object are what it does report, of DROP OWNED one kind of several; NULL where there
-- is nothing else.
create or replace function script_tracking_internal.unreported_objects(
  p_tag text, p_type text, p_object oid, p_statement text)
returns jsonb
language plpgsql volatile
as $function$
begin
  if p_tag = 'DROP OWNED' then
    -- it names a role, no object: a word of it decides nothing
    return (select jsonb_agg(o.value)
      from unnest(array['TABLE', 'FUNCTION', 'TYPE', 'SCHEMA', 'LANGUAGE', 'FOREIGN DATA WRAPPER', 'FOREIGN SERVER',
        'LARGE OBJECT', 'TABLES']) as t (type)
      cross join jsonb_array_elements(script_tracking_internal.granted_objects(t.type, null)) as o);
  elsif p_tag <> 'ALTER TABLE' then
    return script_tracking_internal.granted_objects(p_type, p_statement);
  elsif p_statement ~* '(at|de)tach\s+partition' then
    return script_tracking_internal.changed_partitions(p_object, p_statement);
  end if;
  return null;
end
$function$;
