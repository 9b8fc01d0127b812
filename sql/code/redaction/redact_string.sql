-- requires: redaction/redact_literal.sql, redaction/unescape.sql
-- What may be shown of a string that is no secret by its place, by its kind in lex(); NULL where it cannot be judged.
create or replace function script_tracking_internal.redact_string(p_kind "char", p_raw text, p_value text, p_depth integer)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_text text;
begin
  if p_kind = 'b' then
    return p_raw;
  end if;
  v_text := script_tracking_internal.redact_literal(p_value, p_kind <> 'd', p_depth);
  -- What backslashes stand for if standard_conforming_strings is off. Each such reading counts for four levels, as the readings
  -- of what stands within would double with each level.
  if v_text = p_value and p_kind = 's' and strpos(p_value, chr(92)) > 0
    and (select script_tracking_internal.redact_literal(u.value, true, p_depth + 3) is distinct from u.value
         from script_tracking_internal.unescape(p_value, 'e') as u (value))
  then
    return null;
  end if;
  return case
    when v_text = p_value then p_raw
    when p_kind = 'd' then '$' || split_part(p_raw, '$', 2) || '$' || v_text || '$' || split_part(p_raw, '$', 2) || '$'
    when p_kind = 'e' then 'E''' || replace(replace(v_text, chr(92), chr(92) || chr(92)), '''', '''''') || ''''
    else '''' || replace(v_text, '''', '''''') || '''' end;
end
$function$;
