-- requires: redaction/lex.sql
-- The statements of what a client sent in one string, as the server tells them apart: by semicolons outside of
-- parentheses and of a function's BEGIN ATOMIC .. END. Empty ones do not count. No row where the text does not lex.
create or replace function script_tracking_internal.split_statements(p_text text)
returns table (ordinal integer, statement text)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_token    record;
  v_parts    text[] := '{}';
  v_previous text := '';
  v_start    boolean := true;   -- of a statement: nothing but white space and comments so far
  v_text     text := '';
  v_much     text := '';        -- in two parts, as text is copied when it grows
  v_open     integer := 0;
  v_blocks   integer := 0;      -- BEGIN ATOMIC, and CASE within it
begin
  for v_token in select t.space, t.kind, t.raw, t.value from script_tracking_internal.lex(p_text) as t loop
    if v_token.kind = 'x' then
      return;
    end if;
    if v_token.kind = 'o' and v_token.value = ';' and v_open = 0 and v_blocks = 0 then
      if not v_start then
        v_parts := v_parts || btrim(v_much || v_text, e' \t\r\n\f\x0b');
      end if;
      v_start := true; v_text := ''; v_much := ''; v_previous := '';
      continue;
    end if;
    if octet_length(v_text) > 4000 then
      v_much := v_much || v_text;
      v_text := '';
    end if;
    v_text := v_text || v_token.space || v_token.raw;
    v_start := v_start and (v_token.kind = 'c' or v_token.raw = '');
    if v_token.kind = 'o' and v_token.value = '(' then
      v_open := v_open + 1;
    elsif v_token.kind = 'o' and v_token.value = ')' then
      v_open := greatest(v_open - 1, 0);
    elsif v_token.kind = 'w' then
      if v_token.value = 'atomic' and v_previous = 'begin' then
        v_blocks := 1;
      elsif v_blocks > 0 and v_token.value = 'case' then
        v_blocks := v_blocks + 1;
      elsif v_blocks > 0 and v_token.value = 'end' then
        v_blocks := v_blocks - 1;
      end if;
    end if;
    if v_token.kind <> 'c' then
      v_previous := case when v_token.kind = 'w' then v_token.value else '' end;
    end if;
  end loop;
  if not v_start then
    v_parts := v_parts || btrim(v_much || v_text, e' \t\r\n\f\x0b');
  end if;
  return query select p.position::integer, p.part from unnest(v_parts) with ordinality as p (part, position);
end
$function$;
