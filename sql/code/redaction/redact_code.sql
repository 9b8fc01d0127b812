-- requires: redaction/lex.sql, redaction/is_secret_name.sql, redaction/redact_prose.sql, redaction/redact_literal.sql
-- SQL with [redacted] in the place of each secret; NULL where it cannot be judged. One pass over the tokens.
-- A literal is a secret where it stands after a name that says so (ALTER ROLE .. PASSWORD '..', SET app.token = '..',
-- v_secret := '..'), in OPTIONS (..), or among the arguments of a function that takes secrets. What is announced within a
-- literal, as in EXECUTE 'alter role joe password ' || .., makes every further literal of its statement one.
create or replace function script_tracking_internal.redact_code(p_text text, p_depth integer)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  c_mark     constant text := '[redacted]';
  -- literals of these options are shown
  c_options  constant text[] := array['host', 'hostaddr', 'port', 'dbname', 'schema_name', 'table_name', 'column_name',
    'fetch_size', 'batch_size', 'password_required', 'use_remote_estimate', 'updatable', 'truncatable', 'async_capable', 'sslmode', 'format',
    'header', 'delimiter', 'connect_timeout', 'extensions', 'fdw_startup_cost', 'fdw_tuple_cost', 'import_default'];
  -- words that end what a name has announced
  c_ends     constant text[] := array['and', 'or', 'then', 'where', 'from', 'as', 'language', 'returns', 'is', 'on', 'using',
    'begin', 'end', 'select', 'before', 'after', 'instead', 'for', 'partition', 'references', 'execute', 'loop', 'if',
    'group', 'order', 'having', 'limit', 'union', 'returning', 'inherits', 'with', 'raise', 'return', 'perform', 'add',
    'drop', 'rename', 'owner', 'grant', 'valid', 'cascade', 'restrict', 'into', 'values'];
  v_token    record;
  v_out      text[];
  v_at       integer := 0;
  v_value    text;
  v_text     text;
  v_previous text := '';        -- the token before, in lower case; '' after a string
  v_first    text := '';        -- words of the statement
  v_second   text := '';
  v_names    text[];            -- for each parenthesis that is open, the word before it
  v_open     integer := 0;
  v_function integer;           -- parenthesis within which every literal is a secret
  v_hot      integer := 0;      -- 1 after a secret's name, 2 after further words, 3 after an operator, 4 after an operand
  v_level    integer;           -- parentheses open at that name
  v_zone     boolean := false;  -- every literal of the statement is a secret
  v_role     boolean := false;  -- in CREATE or ALTER ROLE, USER, GROUP
  v_setting  boolean := false;  -- in a statement that sets a setting
  v_bare     boolean := false;  -- words and numbers are secrets too
  v_marked   integer := 0;      -- the last of these; what adheres to it goes with it
  v_insert   boolean := false;
  v_string   integer;           -- where the last string stands, as far as it may still turn out to be a secret
  v_joined   text;              -- its value
  v_parts    integer := 0;      -- of which it consists
  v_secret   boolean := false;  -- it was one
begin
  for v_token in select t.space, t.kind, t.raw, t.value from script_tracking_internal.lex(p_text) as t loop
    v_at := v_at + 1;
    v_value := v_token.value;
    v_out[v_at] := v_token.space || v_token.raw;
    case
      when v_token.kind = 'x' then
        return null;

      when v_token.raw = '' then  -- white space at the end
        null;

      when v_token.kind = 'c' then
        if script_tracking_internal.is_suspect(v_value) then
          v_text := script_tracking_internal.redact_prose(v_value, true);
          if v_text <> v_value then
            v_out[v_at] := v_token.space || case when left(v_token.raw, 2) = '--' then '--' || v_text else '/*' || v_text || ' */' end;
          end if;
        end if;

      when v_token.kind in ('s', 'e', 'u', 'b', 'd', 'S', 'E', 'U', 'B') then
        if v_token.kind in ('S', 'E', 'U', 'B') and v_string is not null then
          -- goes on with the string before: they are one
          v_joined := v_joined || v_value;
          v_parts := v_parts + 1;
          if v_parts > 100 then
            return null;  -- each part judges all before it anew
          end if;
          if not v_secret and v_token.kind <> 'B' then
            v_text := script_tracking_internal.redact_literal(v_joined, true, p_depth + 1);
            v_secret := v_text is distinct from v_joined;
            v_zone := v_zone or v_secret;
          end if;
          if v_secret then
            v_out[v_string] := substring(v_out[v_string] from e'^[ \t\r\n\f\x0b]*') || '''' || c_mark || '''';
            v_out[v_at] := '';
          end if;
        else
          v_secret := v_zone or v_function is not null or v_hot in (1, 3) or v_bare
            or v_previous in ('connection', 'program', 'conninfo')
            or (v_open > 0 and v_names[v_open] = 'options' and v_previous <> all (c_options));
          v_string := v_at;
          v_joined := v_value;
          v_parts := 1;
          if v_secret then
            if v_value <> '' then
              v_out[v_at] := v_token.space || '''' || c_mark || '''';
            end if;
          else
            v_text := case
              when v_token.kind = 'b' then v_value
              -- what backslashes stand for if standard_conforming_strings is off
              when v_token.kind = 's' and strpos(v_value, chr(92)) > 0
                and (select script_tracking_internal.redact_literal(u.value, true, p_depth + 1) is distinct from u.value
                     from script_tracking_internal.unescape(v_value, 'e') as u (value))
                and script_tracking_internal.redact_literal(v_value, true, p_depth + 1) is not distinct from v_value
              then null
              else script_tracking_internal.redact_literal(v_value, v_token.kind <> 'd', p_depth + 1) end;
            if v_text is null then
              v_out[v_at] := v_token.space || '''' || c_mark || '''';
              v_zone := true;
              v_secret := true;
            elsif v_text <> v_value then
              v_out[v_at] := v_token.space || case v_token.kind
                when 'd' then substring(v_token.raw from '^[$][^$]*[$]') || v_text || substring(v_token.raw from '^[$][^$]*[$]')
                when 'e' then 'E''' || replace(replace(v_text, chr(92), chr(92) || chr(92)), '''', '''''') || ''''
                else '''' || replace(v_text, '''', '''''') || '''' end;
              v_zone := true;
            elsif length(v_value) < 200 then
              if script_tracking_internal.is_secret_name(v_value)
                and (v_previous in ('->', '->>', '#>', '#>>')
                  or (v_open > 0 and v_names[v_open] ~ '(set_config|json|hstore|setting)'))
              then
                v_hot := 1;
                v_level := v_open;
                v_previous := '';
                continue;
              end if;
            end if;
            -- the announcement itself: EXECUTE 'alter role joe password ' || quote_literal('..'), format('.. password %L', ..)
            if lower(right(v_value, 200)) ~
              e'(passw(or)?d|passwd|pwd|passphrase|secret|token|key|credentials?|pass|connection)["\']?[[:space:]]*(=>|:=|=|:|to|is|by)?[[:space:]]*[eE]?["\']?$'
              and script_tracking_internal.is_suspect(v_value) and lower(v_value) ~ e'([[:space:]=:]|["\'])$'
            then
              v_zone := true;
            end if;
          end if;
          if v_hot in (1, 2) then
            v_hot := 0;
          elsif v_hot = 3 then
            v_hot := 4;
          end if;
        end if;
        if v_bare and not v_setting then
          v_bare := false;
        end if;
        v_previous := '';

      when v_token.kind = 'i' or v_token.kind = 'w' then
        if v_token.kind = 'w' and v_value = 'uescape' and v_previous = '' and v_string is not null then
          -- written with another escape character: not judged
          v_out[v_string] := substring(v_out[v_string] from e'^[ \t\r\n\f\x0b]*') || 'U&''' || c_mark || '''';
          v_zone := true;
        end if;
        if v_previous = 'as' and v_string is not null and script_tracking_internal.is_secret_name(v_value) then
          if not v_secret and v_joined <> '' then  -- '..' AS password
            v_out[v_string] := substring(v_out[v_string] from e'^[ \t\r\n\f\x0b]*') || '''' || c_mark || '''';
          end if;
          v_previous := v_value;
          continue;
        end if;
        if v_token.kind = 'w' and v_value = 'as' and v_string is not null then
          null;
        elsif v_previous <> '::' then
          v_string := null;
        end if;

        if v_bare and not (v_token.kind = 'w' and v_value in ('by', 'with', 'null', 'default', 'from', 'current', 'as', 'language', 'begin'))
          and (v_hot in (1, 3) or v_token.space = '')
        then
          v_out[v_at] := v_token.space || case when v_token.space = '' and v_marked = v_at - 1 then '' else c_mark end;
          v_marked := v_at;
          v_previous := v_value;
          if v_hot = 1 then
            v_hot := 3;  -- PASSWORD hunter2-and-more: whatever adheres to it goes too
          end if;
          if not v_setting then
            v_hot := 4;
          end if;
          continue;
        end if;
        if v_bare and v_value not in ('by', 'with') and not (v_setting and v_hot in (1, 3)) then
          v_bare := false;
        end if;

        if v_token.kind = 'i' then
          if v_hot = 3 and v_previous = ':' then
            v_out[v_at] := v_token.space || '"' || c_mark || '"';
            v_hot := 4;
          elsif script_tracking_internal.is_secret_name(v_value) then
            v_hot := 1;
            v_level := v_open;
          elsif v_hot in (1, 2) then
            v_hot := 2;
          elsif v_hot = 3 then
            v_hot := 4;
          end if;
          if v_insert and v_hot = 1 and (v_open > 0 or v_previous = 'into') then
            v_zone := true;
          end if;
          v_previous := v_value;
          continue;
        end if;

        -- words
        if v_first = '' then
          v_first := v_value;
        elsif v_second = '' then
          v_second := v_value;
        end if;
        case v_value
          when 'role', 'user', 'group' then
            v_role := v_role or v_previous in ('create', 'alter');
          when 'set' then
            v_setting := v_first = 'set'
              or (v_first = 'alter' and v_second in ('system', 'role', 'user', 'group', 'database', 'function', 'procedure', 'routine'))
              or v_first = 'create';
          when 'insert' then
            v_insert := true;
          when 'values', 'select' then
            v_insert := false;
          when 'begin', 'then', 'else', 'loop', 'declare', 'do' then
            if v_value <> 'begin' or v_open = 0 then
              v_first := '';
              v_second := '';
              v_role := false;
              v_setting := false;
            end if;
          when 'case' then
            v_zone := v_zone or v_hot in (3, 4);
          else null;
        end case;

        if v_value = any (c_ends) and (v_level is null or v_open <= v_level) then
          if not (v_bare and v_value = 'with') then
            v_hot := 0;
          end if;
        elsif v_value not in ('authorization', 'bearer') and v_value ~ '(pass|pwd|secret|token|credential|key)'
          and script_tracking_internal.is_secret_name(v_value)
        then
          v_hot := 1;
          v_level := v_open;
          if v_role and v_value = 'password' then
            v_bare := true;
          end if;
          if v_insert and (v_open > 0 or v_previous in ('into', '.')) then
            v_zone := true;
          end if;
        elsif v_value = 'identified' then
          v_hot := 1;
          v_level := v_open;
          v_bare := true;
        elsif v_hot > 0 then
          case
            when v_value in ('default', 'to', 'like', 'ilike', 'in', 'between') and v_hot in (1, 2) then
              v_hot := 3;
              v_bare := v_bare or (v_setting and v_value = 'to');
            when v_value = 'by' then null;
            when v_hot in (1, 2) then v_hot := 2;
            when v_hot = 3 then v_hot := 4;
            when v_open <= v_level then v_hot := 0;
            else null;
          end case;
        end if;
        v_previous := v_value;

      when v_token.kind = 'n' then
        v_string := null;
        if v_bare and (v_hot in (1, 3) or v_token.space = '') then
          v_out[v_at] := v_token.space || case when v_token.space = '' and v_marked = v_at - 1 then '' else c_mark end;
          v_marked := v_at;
          if not v_setting then
            v_hot := 4;
          end if;
        elsif v_hot = 3 then
          v_hot := 4;
        end if;
        v_previous := v_value;

      else  -- operators and punctuation
        if v_value <> '::' and v_value <> '||' then
          v_string := null;
        end if;
        if v_value = '(' then
          v_open := v_open + 1;
          v_names[v_open] := v_previous;
          if v_function is null and v_previous ~
            '^(dblink.*|pgp_.*|crypt|hmac|digest|encrypt|decrypt|encrypt_iv|decrypt_iv|md5|sha224|sha256|sha384|sha512|crypto_.*|pgsodium_.*|create_secret|update_secret)$'
          then
            v_function := v_open;
          end if;
          if v_hot = 1 then
            v_hot := 0;
          elsif v_hot = 4 then
            v_hot := 3;
          end if;
        elsif v_value = ')' then
          if v_function = v_open then
            v_function := null;
          end if;
          v_open := greatest(v_open - 1, 0);
          if v_open < v_level then
            v_hot := 0;
          elsif v_hot = 3 then
            v_hot := 4;
          end if;
        elsif v_value = ',' then
          if v_hot = 1 and v_open > 0 and v_names[v_open] ~ '(set_config|json|hstore|setting)' then
            v_hot := 3;
          elsif v_hot > 0 and v_open <= v_level and not (v_setting and v_bare) then
            v_hot := 0;
          elsif v_hot = 4 then
            v_hot := 3;
          end if;
        elsif v_value = ';' then
          v_hot := 0; v_level := null; v_bare := false; v_role := false; v_setting := false; v_insert := false;
          v_first := ''; v_second := '';
          if v_open = 0 then
            v_zone := false;
          end if;
        elsif v_bare and v_hot > 0 and (v_token.space = '' or v_hot in (1, 3)) and v_value !~ '^(=|:=|=>)$' then
          v_out[v_at] := v_token.space || case when v_token.space = '' and v_marked = v_at - 1 then '' else c_mark end;
          v_marked := v_at;
        elsif v_hot > 0 and v_value ~ '^[-=<>!~|:*+/]+$' and v_value <> '::' then
          v_hot := 3;
          v_bare := v_bare or (v_setting and v_value = '=');
        elsif v_hot = 1 and v_value = '.' then
          v_hot := 0;
        end if;
        v_previous := v_value;
    end case;
  end loop;
  return coalesce(array_to_string(v_out, ''), '');
end
$function$;
