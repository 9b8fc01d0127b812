-- requires: redaction/unescape.sql
-- The tokens of a text by the rules of PostgreSQL's lexer, with the white space before each, so that nothing is lost.
-- kind: w word, n number, o operator or punctuation, c comment, i quoted identifier, and strings: s '..', e E'..',
-- u U&'..', b B'..' or X'..', d dollar-quoted; the strings in capitals where they continue the one before over a newline.
-- value: words in lower case, comments and quoted things without their quotes and escapes, as far as these are ASCII.
-- x, the last row then: the text ends within a token, or depends on standard_conforming_strings, and cannot be judged.
-- The pieces are found in one pass and go through one state machine, so the time is linear. No backslash in a plain
-- string may stand in here: a session may have switched standard_conforming_strings off.
create or replace function script_tracking_internal.lex(p_text text)
returns table (space text, kind "char", raw text, value text)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  c_pieces  constant text := e'[ \t\f\x0b]+|[\r\n][ \t\r\n\f\x0b]*|\'+|"+|\\\\+|[0-9]+'
    -- letters, underscore and all that is not ASCII
    || e'|[^\\u0001-\\u0040\\u005b-\\u005e\\u0060\\u007b-\\u007f]'
    || e'[^\\u0001-\\u002f\\u003a-\\u0040\\u005b-\\u005e\\u0060\\u007b-\\u007f]*'
    || e'|[-$/*();,]|[!#%&+.:<=>?@^|~\\u005b\\u005d\\u0060\\u007b\\u007d\\u0001-\\u0008\\u000e-\\u001f\\u007f]+';
  v_piece   text;
  v_code    integer;                -- of the piece's first character
  v_state   "char" := '.';          -- '.' between tokens, '$' in a dollar-quoted string, '-' and '*' in comments, else a kind
  v_mode    "char";                 -- of the string that may continue: nothing but white space and -- comments since
  v_newline boolean := false;       -- since that string
  v_kind    "char";
  v_depth   integer := 0;           -- of nested comments
  v_tag     text;
  v_mark    text := '';             -- first half of what may be a delimiter: - / * $ or $tag
  v_odd     boolean := false;       -- an odd number of backslashes stands before this piece
  v_space   text := '';
  v_raw     text := '';             -- raw text of the token under way
  v_value   text := '';
  v_much    text := '';             -- both in two parts, as text is copied when it grows
  v_many    text := '';
  v_count   integer;
begin
  for v_piece in select m.piece[1] from regexp_matches(p_text collate "C", c_pieces, 'g') as m (piece) loop
    v_code := ascii(v_piece);
    if v_state = '.' then
      -- a delimiter whose first half came before
      if v_mark <> '' then
        if v_mark = '-' and v_piece = '-' then
          v_state := '-'; v_raw := '--'; v_value := ''; v_mark := '';
          continue;
        elsif v_mark = '/' and v_piece = '*' then
          v_state := '*'; v_raw := '/*'; v_value := ''; v_mark := ''; v_depth := 1; v_mode := null;
          continue;
        elsif left(v_mark, 1) = '$' and v_piece = '$' then
          v_state := '$'; v_tag := v_mark || '$'; v_raw := v_tag; v_value := ''; v_mark := '';
          continue;
        elsif v_mark = '$' and (v_code >= 128 or v_code = 95 or v_code between 65 and 90 or v_code between 97 and 122) then
          v_mark := '$' || v_piece;
          continue;
        end if;
        space := v_space; kind := 'o'; raw := v_mark; value := v_mark; v_space := ''; v_mark := ''; v_mode := null;
        return next;
      end if;
      if v_raw <> '' then  -- a word under way: is this its end?
        if v_piece = '$' or v_code between 48 and 57
          or v_code >= 128 or v_code = 95 or v_code between 65 and 90 or v_code between 97 and 122
          or (v_piece = '&' and lower(v_raw) = 'u')
        then
          if octet_length(v_raw) > 4000 then
            v_much := v_much || v_raw;
            v_raw := '';
          end if;
          v_raw := v_raw || v_piece;
          continue;
        elsif v_much <> '' then
          space := v_space; kind := 'w'; raw := v_much || v_raw; value := lower(raw); v_space := ''; v_raw := ''; v_much := '';
          return next;
        elsif v_code = 39 and lower(v_raw) in ('e', 'b', 'x', 'n', 'u&') then
          v_kind := case lower(v_raw) when 'e' then 'e' when 'u&' then 'u' when 'n' then 's' else 'b' end;
        elsif v_code = 34 and lower(v_raw) = 'u&' then
          v_kind := 'i';
        else
          space := v_space; kind := 'w'; raw := v_raw; value := lower(v_raw); v_space := ''; v_raw := '';
          return next;
        end if;
      end if;
      case
        when v_code = 32 or v_code between 9 and 13 then
          v_space := v_space || v_piece;
          v_newline := v_newline or v_code in (10, 13);
        when v_code = 39 then
          if v_raw = '' then
            v_kind := case when v_newline then coalesce(v_mode, 's') else 's' end;
          end if;
          if v_raw = '' and v_newline and v_mode is not null then
            kind := upper(v_kind::text)::"char";
          else
            kind := v_kind;
          end if;
          v_count := length(v_piece);
          v_raw := v_raw || v_piece;
          v_value := repeat('''', (v_count - 1) / 2);
          if v_count % 2 = 0 then
            space := v_space; raw := v_raw; value := v_value; v_space := ''; v_raw := '';
            v_mode := v_kind; v_newline := false;
            return next;
          else
            v_state := kind;
          end if;
        when v_code = 34 then
          v_count := length(v_piece);
          v_raw := v_raw || v_piece;
          v_value := repeat('"', (v_count - 1) / 2);
          v_mode := null;
          if v_count % 2 = 0 then
            space := v_space; kind := 'i'; raw := v_raw; value := v_value; v_space := ''; v_raw := '';
            return next;
          else
            v_state := 'i';
          end if;
        when v_piece in ('-', '/', '$') then
          v_mark := v_piece;
        when v_code >= 128 or v_code = 95 or v_code between 65 and 90 or v_code between 97 and 122 then
          v_raw := v_piece;
          v_mode := null;
        else
          space := v_space; kind := case when v_code between 48 and 57 then 'n' else 'o' end;
          raw := v_piece; value := v_piece; v_space := '';
          v_mode := null;
          return next;
      end case;
      continue;
    end if;

    if octet_length(v_raw) > 4000 or octet_length(v_value) > 4000 then
      v_much := v_much || v_raw;
      v_raw := '';
      v_many := v_many || v_value;
      v_value := '';
    end if;
    case v_state
      when '-' then
        if v_code in (10, 13) then
          space := v_space; kind := 'c'; raw := v_much || v_raw; value := v_many || v_value;
          v_state := '.'; v_raw := ''; v_much := ''; v_many := '';
          v_space := v_piece;
          v_newline := true;
          return next;
        else
          v_raw := v_raw || v_piece;
          v_value := v_value || v_piece;
        end if;
      when '*' then
        v_raw := v_raw || v_piece;
        if v_mark = '/' and v_piece = '*' then
          v_depth := v_depth + 1;
          v_mark := '';
        elsif v_mark = '*' and v_piece = '/' then
          v_depth := v_depth - 1;
          v_mark := '';
        else
          v_mark := case when v_piece in ('/', '*') then v_piece else '' end;
        end if;
        if v_depth = 0 then
          space := v_space; kind := 'c'; raw := v_much || v_raw; value := left(v_many || v_value, -1);
          v_state := '.'; v_raw := ''; v_much := ''; v_many := ''; v_space := ''; v_mark := '';
          return next;
        else
          v_value := v_value || v_piece;
        end if;
      when '$' then
        v_raw := v_raw || v_piece;
        if v_piece = '$' and v_mark || '$' = v_tag then
          space := v_space; kind := 'd'; raw := v_much || v_raw; value := v_many || v_value;
          v_state := '.'; v_raw := ''; v_much := ''; v_many := ''; v_space := ''; v_mark := ''; v_mode := null;
          return next;
        elsif v_piece = '$' then
          v_value := v_value || v_mark;
          v_mark := '$';
        elsif v_mark = '$' and (v_code >= 128 or v_code = 95 or v_code between 65 and 90 or v_code between 97 and 122) then
          v_mark := '$' || v_piece;
        else
          v_value := v_value || v_mark || v_piece;
          v_mark := '';
        end if;
      when 'i' then
        v_raw := v_raw || v_piece;
        if v_code <> 34 then
          v_value := v_value || v_piece;
        else
          v_count := length(v_piece);
          v_value := v_value || repeat('"', v_count / 2);
          if v_count % 2 = 1 then
            space := v_space; kind := 'i'; raw := v_much || v_raw; value := v_many || v_value;
            v_state := '.'; v_raw := ''; v_much := ''; v_many := ''; v_space := '';
            if lower(left(raw, 2)) = 'u&' then
              value := script_tracking_internal.unescape(value, 'u');
            end if;
            return next;
          end if;
        end if;
      else  -- strings
        v_raw := v_raw || v_piece;
        if v_code <> 39 then
          v_value := v_value || v_piece;
          v_odd := v_code = 92 and length(v_piece) % 2 = 1;
        else
          v_count := length(v_piece);
          if v_odd and v_state in ('e', 'E') then
            v_count := v_count - 1;
            v_value := v_value || '''';
          elsif v_odd and v_state in ('s', 'S') then
            exit;  -- ends here or does not, as standard_conforming_strings has it
          end if;
          v_odd := false;
          v_value := v_value || repeat('''', v_count / 2);
          if v_count % 2 = 1 then
            space := v_space; kind := v_state; raw := v_much || v_raw; value := v_many || v_value;
            v_mode := lower(v_state::text)::"char"; v_newline := false;
            v_state := '.'; v_raw := ''; v_much := ''; v_many := ''; v_space := '';
            if v_mode in ('e', 'u') then
              value := script_tracking_internal.unescape(value, v_mode);
            end if;
            return next;
          end if;
        end if;
    end case;
  end loop;

  if v_state = '-' then
    space := v_space; kind := 'c'; raw := v_much || v_raw; value := v_many || v_value;
    return next;
  elsif v_state <> '.' then
    space := v_space; kind := 'x'; raw := v_much || v_raw; value := '';
    return next;
  else
    if v_mark <> '' or v_raw <> '' then
      space := v_space; kind := case when v_raw <> '' then 'w' else 'o' end;
      raw := v_much || v_raw || v_mark; value := lower(raw); v_space := '';
      return next;
    end if;
    if v_space <> '' then
      space := v_space; kind := 'o'; raw := ''; value := '';
      return next;
    end if;
  end if;
end
$function$;
