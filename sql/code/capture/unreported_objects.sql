-- requires: capture/changed_partitions.sql, capture/granted_objects.sql
-- What a statement did that PostgreSQL does not report to its event triggers: which partition it attached or detached, whose
-- privileges it changed. p_type and p_object are what it does report; NULL where there is nothing else.
create or replace function script_tracking_internal.unreported_objects(
  p_tag text, p_type text, p_object oid, p_statement text)
returns jsonb
language plpgsql volatile
as $function$
begin
  if p_tag <> 'ALTER TABLE' then
    return script_tracking_internal.granted_objects(p_type, p_statement);
  elsif p_statement ~* '(at|de)tach\s+partition' then
    return script_tracking_internal.changed_partitions(p_object, p_statement);
  end if;
  return null;
end
$function$;
