-- A text, or with p_is_json the text of a JSON value, of which a hash in UTF-8 can be reckoned and which every client reads.
-- One whose bytes are no UTF-8, as a database of encoding SQL_ASCII takes them and as names of roles may come from a
-- database of another encoding: with each byte beyond ASCII as \ooo, in the three octal digits of PostgreSQL's own escape
-- format. Bytes are had without a conversion, which would refuse them.
-- No backslash stands in a plain string: a session may have switched standard_conforming_strings off.
create or replace function script_tracking_internal.utf8_text(p_text text, p_is_json boolean)
returns text
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_bytes bytea;
begin
  v_bytes := convert_to(p_text, 'UTF8');
  return p_text;
exception when character_not_in_repertoire or untranslatable_character then
  p_text := encode(decode(replace(p_text, e'\\', e'\\\\'), 'escape'), 'escape');
  return case when p_is_json then replace(replace(replace(p_text, e'\\\\', e'\x01'), e'\\', e'\\\\'), e'\x01', e'\\')
    else replace(p_text, e'\\\\', e'\\') end;
end
$function$;
