-- requires: vault/redact.sql, redaction/redact_text.sql, redaction/is_suspect.sql, redaction/unescape.sql, redaction/lex.sql
-- What may be stored of a message about a statement: as redact_text(), and also without any word of it that stands in the
-- statement, but no longer in what may be stored of that: 'syntax error at or near "..."' announces no secret. A string
-- goes whole: its words may stand elsewhere in the statement.
create or replace function script_tracking_internal.redact_message(p_message text, p_statement text)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_message text := p_message;
  v_kept    text := script_tracking_internal.redact(p_statement);
  v_whole   text;
  v_string  text;
  v_marked  boolean := p_statement ~ '[[](?:redacted[]]|withheld: )';  -- of the statement nothing but what may be stored is known
begin
  -- what is quoted as a whole is read as SQL, as in prose its comments and quotes would mislead: the statement itself, and
  -- those that the context and a client's QUERY tell of
  if p_statement <> '' then
    v_message := replace(v_message, p_statement, v_kept);
  end if;
  for v_string in
    select distinct m.quoted[1]
    from regexp_matches(v_message, e'(?:^|\n)SQL (?:statement|expression) "((?:[^"]|"(?!\n|$))*)"(?=\n|$)', 'g') as m (quoted)
    where m.quoted[1] <> ''
    union
    select m.quoted[1] from regexp_matches(v_message, e'\nQUERY:  ((?:(?!\nCONTEXT:  )(?:.|\n))+)', 'g') as m (quoted)
  loop
    v_message := replace(v_message, v_string, script_tracking_internal.redact(v_string));
  end loop;
  if v_kept <> p_statement or v_marked then
    -- What is quoted in part is known by the statement: of a comment or string that it begins or ends within it tells nothing.
    -- A client shows of the line in error what fits, with spaces for tabs: as it is stored, or not at all.
    for v_string in
      select distinct m.quoted[1] from regexp_matches(v_message, e'(?:^|\n)LINE [0-9]+: ([^\n]+)', 'g') as m (quoted)
      where strpos(translate(v_kept, e'\t', ' '), regexp_replace(m.quoted[1], e'^[.]{3}|[.]{3}$', '', 'g')) = 0
    loop
      v_message := replace(v_message, v_string, '[redacted]');
    end loop;
    if v_marked then
      -- what ends the message or a line of it in quotes, in whatever language
      for v_string in
        select m.quoted[1] from regexp_matches(v_message, e'at or near "((?:[^"]|"(?!\n|$))+)"(?=\n|$)', 'g') as m (quoted)
        where strpos(v_kept, m.quoted[1]) = 0
        union
        select m.quoted[1] from regexp_matches(v_message,
          e'[[:space:]](?:"|[^\\u0001-\\u007f]{1,3})([^\n]+)(?:"|[^\\u0001-\\u007f]{1,3})$', 'gn') as m (quoted)
        where strpos(v_kept, m.quoted[1]) = 0
      loop
        v_message := replace(v_message, v_string, '[redacted]');
      end loop;
    elsif length(p_statement) <= 100000 and v_message ~ e'[\'$/]' then
      for v_string in
        select t.raw from script_tracking_internal.lex(p_statement) as t
        where t.kind not in ('w', 'n', 'o', 'c', 'i') and (t.value <> '' or t.kind = 'x') and strpos(v_kept, t.raw) = 0
        group by 1 order by length(t.raw) desc
      loop
        v_message := replace(v_message, v_string, '''[redacted]''');
      end loop;
    end if;
  end if;
  -- a value of a row, which the statement does not hold, but says to be a secret: invalid input syntax for type date: ".."
  if script_tracking_internal.is_suspect(p_statement) then
    for v_string in
      -- in whatever quotes the server's language has
      select m.quoted[1] from regexp_matches(v_message,
        e': (?:"|[^\\u0001-\\u007f]{1,3})([^\n]+)(?:"|[^\\u0001-\\u007f]{1,3})$', 'gn') as m (quoted)
      where strpos(v_kept, m.quoted[1]) = 0
      union
      select m.quoted[1] from regexp_matches(v_message, e'^(?:JSON data, line [0-9]+: |Token ["\'])([^\n]+)', 'gn') as m (quoted)
    loop
      v_message := replace(v_message, v_string, '[redacted]');
    end loop;
  end if;
  v_message := script_tracking_internal.redact_text(v_message);
  if v_message is null or v_kept is null or v_kept = p_statement then
    return v_message;
  end if;
  v_whole := p_statement || ' ' || replace(p_statement, '''''', '''') || ' '
    || script_tracking_internal.unescape(replace(p_statement, '''''', ''''), 'e');
  return (
    select coalesce(string_agg(
        case
          when b.bare = '' or strpos(v_kept, b.bare) > 0 or strpos('[redacted]', b.bare) > 0 or strpos(v_whole, b.bare) = 0
            -- the 7 of 'line 7' tells nothing of hunter7
            or b.bare ~ '^[[:alnum:]]{1,3}$' and v_whole !~ ('(?:^|[^[:alnum:]])' || b.bare || '(?:[^[:alnum:]]|$)')
          then m.piece[1]
          else replace(m.piece[1], b.bare, '[redacted]') end, '' order by m.position), '')
    from regexp_matches(v_message collate "C", e'[^[:space:]"]+|[[:space:]"]+', 'g') with ordinality as m (piece, position)
    cross join lateral (select btrim(m.piece[1], e' \t\r\n".,;:()''')) as b (bare));
end
$function$;
