-- requires: redaction/is_suspect.sql, redaction/redact_prose.sql
-- What may be shown of a comment; p_value is what stands within it.
create or replace function script_tracking_internal.redact_comment(p_raw text, p_value text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_text text;
begin
  if not script_tracking_internal.is_suspect(p_value) then
    return p_raw;
  end if;
  v_text := script_tracking_internal.redact_prose(p_value, true);
  return case
    when v_text = p_value then p_raw
    when left(p_raw, 2) = '--' then '--' || v_text
    else '/*' || v_text || ' */' end;
end
$function$;
