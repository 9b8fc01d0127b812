-- requires: redaction/redact_text.sql, redaction/is_secret_name.sql
-- What may be stored of a JSON value: strings redacted, and [redacted] for what stands under a key that names a secret.
-- true, false, null and empty values tell none.
create or replace function script_tracking_internal.redact_json(p_value jsonb, p_depth integer default 0)
returns jsonb
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_type text := jsonb_typeof(p_value);
begin
  if v_type in ('object', 'array') and p_depth > 32 then
    return '"[redacted]"';
  end if;
  return case v_type
    when 'object' then (
      select coalesce(jsonb_object_agg(script_tracking_internal.redact_text(e.key), case
          when script_tracking_internal.is_secret_name(e.key) then case
            when jsonb_typeof(e.value) in ('null', 'boolean') or e.value in ('""', '{}', '[]') then e.value
            else '"[redacted]"' end
          else script_tracking_internal.redact_json(e.value, p_depth + 1) end), '{}')
      from jsonb_each(p_value) as e)
    when 'array' then (
      select coalesce(jsonb_agg(script_tracking_internal.redact_json(e.value, p_depth + 1) order by e.position), '[]')
      from jsonb_array_elements(p_value) with ordinality as e (value, position))
    when 'string' then to_jsonb(script_tracking_internal.redact_text(p_value #>> '{}'))
    else p_value end;
end
$function$;
