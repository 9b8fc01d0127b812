-- requires: redaction/is_suspect.sql
-- Which tokens of lex() are strings that a setting with a dot in its name is set to, by SET or set_config(), and that the same text reads
-- later by current_setting(): itself, or in a string or body in which a secret may stand. As a secret goes from psql to a body.
-- For texts in which current_setting stands.
create or replace function script_tracking_internal.settings_read(p_kinds "char"[], p_values text[])
returns boolean[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_marks  boolean[] := array_fill(false, array[greatest(cardinality(p_values), 1)]);
  v_names  text[] := '{}';     -- of the settings, in lower case, and
  v_places integer[] := '{}';  -- where their values stand
  v_words  text[] := '{"", "", "", "", ""}';  -- the tokens before, the last one first; '' for a string
  v_call   text := '';         -- the function whose first argument the last string is, and
  v_name   text;               -- that string
  v_low    text;
begin
  for v_at in 1..cardinality(p_values) loop
    continue when p_kinds[v_at] in ('c', 'S', 'E', 'U', 'B');
    if p_kinds[v_at] in ('w', 'i', 'n', 'o') then
      v_words := p_values[v_at] || v_words[1:4];
      continue;
    end if;
    v_low := lower(p_values[v_at]);
    if v_names <> '{}' and (v_words[1] = '(' and v_words[2] = 'current_setting'
      or v_low like '%current~_setting%' escape '~' and script_tracking_internal.is_suspect(v_low))
    then
      for v_number in 1..cardinality(v_names) loop
        if v_names[v_number] = v_low or v_words[2] <> 'current_setting' and strpos(v_low, v_names[v_number]) > 0 then
          v_marks[v_places[v_number]] := true;
        end if;
      end loop;
    end if;
    if v_words[1] = ',' and v_call = 'set_config' and v_name like '%.%' then
      v_names := v_names || v_name;
      v_places := v_places || v_at;
    elsif v_words[1] in ('=', 'to') and v_words[3] = '.' and v_words[5] in ('set', 'local', 'session') then
      v_names := v_names || (v_words[4] || '.' || v_words[2]);
      v_places := v_places || v_at;
    end if;
    if v_words[1] = '||' and v_words[2] = '' then
      v_name := v_name || v_low;
    else
      v_call := case when v_words[1] = '(' then v_words[2] else '' end;
      v_name := v_low;
    end if;
    v_words := ''::text || v_words[1:4];
  end loop;
  return v_marks;
end
$function$;
