-- requires: vault/redact.sql, redaction/announces_secret.sql, redaction/defines_login.sql, redaction/redact_text.sql, redaction/is_suspect.sql, redaction/unescape.sql, redaction/lex.sql
-- What may be stored of a message about a statement: as redact_text(), and also without any word of it that stands in the
-- statement, but no longer in what may be stored of that: 'syntax error at or near "..."' announces no secret. A string
-- goes whole: its words may stand elsewhere in the statement.
-- p_kept: what may be stored of the statement, as redact() has it. p_sqlstate: of the message, where it is known: those of
-- class 22 quote values, those of a row that a constraint refuses the row.
create or replace function script_tracking_internal.redact_quoting(p_message text, p_statement text, p_kept text, p_sqlstate text)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_message text := p_message;
  v_kept    text := p_kept;
  v_suspect boolean;
  v_whole   text;
  v_string  text;
  v_marked  boolean := p_statement ~ '[[](?:redacted[]]|withheld: )';  -- of the statement nothing but what may be stored is known
begin
  if coalesce(p_message, '') = '' then
    return p_message;
  end if;
  v_suspect := coalesce(script_tracking_internal.announces_secret(p_statement) or script_tracking_internal.defines_login(p_statement), false);
  -- beyond that it would take seconds, and no more than 16,384 characters of a message are kept
  if length(p_message) > 20000 or length(p_message)::bigint * length(coalesce(p_statement, '')) > 400000000 then
    return case when v_suspect or script_tracking_internal.announces_secret(p_message) or script_tracking_internal.defines_login(p_message)
      then '[withheld: ' || length(p_message) || ' characters that may hold a secret]' else p_message end;
  end if;
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
    v_whole := translate(v_kept, e'\t', ' ');
    -- What is quoted in part is known by the statement: of a comment or string that it begins or ends within it tells nothing.
    -- A client shows of the line in error what fits, with spaces for tabs: as it is stored, or not at all.
    for v_string in
      select distinct m.quoted[1] from regexp_matches(v_message, e'(?:^|\n)LINE [0-9]+: ([^\n]+)', 'g') as m (quoted)
      where strpos(v_whole, regexp_replace(m.quoted[1], e'^[.]{3}|[.]{3}$', '', 'g')) = 0
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
        where t.kind not in ('w', 'n', 'o', 'c', 'i') and (t.value <> '' or t.kind = 'x')
          and strpos(v_message, t.raw) > 0 and strpos(v_kept, t.raw) = 0
        group by 1 order by length(t.raw) desc
      loop
        v_message := replace(v_message, v_string, '''[redacted]''');
      end loop;
    end if;
  end if;
  -- a value of a row, which the statement does not hold, but says to be a secret: invalid input syntax for type date: ".."
  if v_suspect and script_tracking_internal.is_suspect(p_statement) then
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
  -- also in other words than these, and in the languages in which the server speaks
  if v_suspect and p_sqlstate like '22%' then
    for v_string in
      select m.quoted[1] from regexp_matches(v_message,
        e'["\\u00ab\\u00bb\\u2018-\\u201f\\u300c-\\u300f]((?:.|\n)+)["\\u00ab\\u00bb\\u2018-\\u201f\\u300c-\\u300f]') as m (quoted)
      where strpos(v_kept, m.quoted[1]) = 0
    loop
      v_message := replace(v_message, v_string, '[redacted]');
    end loop;
  elsif p_sqlstate in ('23502', '23514', '44000') then
    v_message := regexp_replace(v_message, e'[(](?:.|\n)*[)]', '([redacted])');
  end if;
  -- also where the first nine are not among them, as redact_text() expects
  if v_message like '%$% = ''%' then
    v_message := regexp_replace(v_message, e'([$][0-9]+ = )\'(?:[^\']|\'\')*(?:\'|$)', e'\\1[redacted]', 'g');
  end if;
  v_message := script_tracking_internal.redact_text(v_message);
  if v_message is null or v_kept is null or v_kept = p_statement then
    return v_message;
  end if;
  -- what the server quotes may stand in a string within strings: with fewer quotes at each level, and without escapes
  v_whole := p_statement;
  v_string := p_statement;
  for v_level in 1..8 loop
    v_string := replace(v_string, '''''', '''');
    v_whole := v_whole || ' ' || v_string || ' ' || script_tracking_internal.unescape(v_string, 'e');
    exit when strpos(v_string, '''''') = 0;
  end loop;
  if length(p_statement) <= 20000 then  -- also as the server reads it: without escapes, in one part, a word in lower case
    v_whole := v_whole || (
      select coalesce(string_agg(case when t.kind in ('S', 'E', 'U', 'B') then '' else ' ' end || t.value, ''), '')
      from script_tracking_internal.lex(p_statement) as t where t.kind <> 'c');
  end if;
  return (
    with piece as materialized (
      select m.piece[1] as piece, m.position, btrim(m.piece[1], e' \t\r\n".,;:()''') as bare
      from regexp_matches(v_message collate "C", e'[^[:space:]"]+|[[:space:]"]+', 'g') with ordinality as m (piece, position)),
    quoted as materialized (
      select b.bare
      from (select distinct p.bare from piece as p where p.bare <> '') as b
      where strpos(v_kept, b.bare) = 0 and strpos('[redacted]', b.bare) = 0 and strpos(v_whole, b.bare) > 0
        -- the 7 of 'line 7' tells nothing of hunter7
        and (length(b.bare) > 3 or b.bare !~ '^[[:alnum:]]+$' or b.bare in (
          select w.word[1] from regexp_matches(v_whole, '[[:alnum:]]+', 'g') as w (word) where length(w.word[1]) <= 3)))
    select coalesce(string_agg(case when q.bare is null then p.piece else replace(p.piece, q.bare, '[redacted]') end, '' order by p.position), '')
    from piece as p left join quoted as q on q.bare = p.bare);
end
$function$;
