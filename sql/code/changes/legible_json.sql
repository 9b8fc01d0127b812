-- A JSON text as jsonb. In a database whose encoding lacks a character that the text has as an escape, this character stays as its
-- escape: \u0416 for the Cyrillic letter. The text is ASCII, as json.dumps of Python writes it.
-- No backslash stands in a plain string: a session may have switched standard_conforming_strings off.
create or replace function script_tracking_internal.legible_json(p_text text)
returns jsonb
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_escape text;
begin
  return p_text::jsonb;
exception when untranslatable_character or feature_not_supported then
  p_text := replace(p_text, e'\\\\', e'\x01');  -- which no JSON text has: what is left of backslashes begins an escape
  for v_escape in
    -- two in a row may be the halves of one character
    select distinct m.found[1]
    from regexp_matches(p_text, e'(\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\\\u[0-9a-fA-F]{4})', 'g') as m (found)
  loop
    begin
      perform ('"' || v_escape || '"')::jsonb;
    exception when untranslatable_character or feature_not_supported then
      p_text := replace(p_text, v_escape, replace(v_escape, e'\\', e'\x01'));
    end;
  end loop;
  return replace(p_text, e'\x01', e'\\\\')::jsonb;
end
$function$;
