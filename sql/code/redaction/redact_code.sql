-- requires: redaction/lex.sql, redaction/is_secret_name.sql, redaction/is_suspect.sql, redaction/shows_option.sql, redaction/redact_comment.sql, redaction/redact_string.sql, redaction/redact_literal.sql, redaction/joined_string.sql, redaction/unquoted_secrets.sql, redaction/settings_read.sql
-- SQL with [redacted] in the place of each secret; NULL where it cannot be judged. One pass over the tokens.
-- A literal is a secret where it stands after a name that says so (ALTER ROLE .. PASSWORD '..', SET app.token = '..',
-- v_secret := '..'), before it ('..' AS password), in OPTIONS (..), or among the arguments of a function that takes secrets.
-- What is announced within a literal, as in EXECUTE 'alter role joe password ' || .., makes every further literal of its
-- statement one. Literals that || or concat() puts together are also judged as the one that they become.
-- One machine, and so one function: each kind of token reads and changes what the others have left, some fifty variables, which a
-- function of its own would be handed and hand back for each token. What needs none of them is in functions of its own.
create or replace function script_tracking_internal.redact_code(p_text text, p_depth integer)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  c_mark      constant text := '[redacted]';
  -- words that end what a name has announced
  c_ends      constant text[] := array['and', 'or', 'then', 'where', 'from', 'as', 'language', 'returns', 'on', 'using',
    'begin', 'end', 'select', 'before', 'after', 'instead', 'for', 'partition', 'references', 'execute', 'loop', 'if',
    'group', 'order', 'having', 'limit', 'union', 'returning', 'inherits', 'with', 'raise', 'return', 'perform', 'add',
    'drop', 'rename', 'owner', 'grant', 'valid', 'cascade', 'restrict', 'into', 'values'];
  -- functions that take a name and its value, one after the other; so do rows of VALUES
  c_pairs     constant text[] := array['%set\_config%', '%json%', '%hstore%', '%setting%', '%header%', '%xml%', '%concat%', 'format', 'values', ','];
  -- of which each argument may stand for the others
  c_alike     constant text[] := array['coalesce', 'nullif', 'greatest', 'least', 'starts_with', 'strpos', 'replace', 'regexp_replace',
    'regexp_match'];
  -- functions that are called with a secret: dblink(..), crypt(..), change_password('joe', '..')
  c_functions constant text := '^(dblink.*|pgp_.*|crypt|hmac|digest|encrypt|decrypt|encrypt_iv|decrypt_iv|md5|sha224|sha256|sha384|sha512'
    '|crypto_.*|pgsodium_.*|create_secret|update_secret|create_aws_credentials|(algorithm_)?sign|verify'
    '|(.*_)?((login|register)_user|authenticate|sign_?in|sign_?up)(_.*)?'
    '|(.*_)?(set|change|update|reset|check|verify|rotate|store|save|validate|test|new)_(.*_)?(password|passwd|pwd|passphrase|secret|token|credential|api_?key)s?)$';
  -- statements that do not begin with a variable
  c_verbs     constant text[] := array['select', 'insert', 'update', 'delete', 'merge', 'with', 'if', 'elsif', 'while', 'exit', 'continue',
    'return', 'perform', 'execute', 'create', 'alter', 'raise', 'case', 'when', 'for', 'foreach', 'call', 'values', 'set', 'assert', ''];
  -- parts of the name of a secret
  c_parts     constant text[] := array['%pass%', '%pw%', '%secret%', '%token%', '%cred%', '%key%', '%jwt%', '%signature%', '%bearer%', '%authorization%'];
  -- what stands before INSERT where it begins no statement
  c_event     constant text[] := array['after', 'before', 'of', 'or', 'on', 'for', 'grant', 'revoke', ','];
  v_spaces    text[];
  v_kinds     "char"[];
  v_raws      text[];
  v_values    text[];
  v_out       text[];
  v_unquoted  boolean[];
  v_kind      "char";
  v_value     text;
  v_text      text;
  v_previous  text := '';        -- the token before, in lower case; '' after a string
  v_prior     text := '';        -- the same as this token found it, and those before: comments may stand between
  v_before    text := '';
  v_third     text := '';
  v_cast      integer := 0;      -- 1 after ::, 2 after a type's name that may go on: character varying
  v_select    boolean := false;  -- since a SELECT
  v_first     text := '';        -- words of the statement
  v_second    text := '';
  v_head      boolean := true;   -- before the AS of CREATE VIEW or WITH, where a list names columns
  v_names     text[];            -- for each parenthesis that is open, the word before it
  v_named     boolean[];         -- and whether the name of a secret stands in it
  v_items     integer[] := array[1];  -- for each, and for none: where the present item of its list begins
  v_begins    integer[];         -- for each, where it opens
  v_open      integer := 0;
  v_brackets  integer := 0;      -- that are open: of an array, as a rule
  v_alias     integer;           -- parenthesis that names the columns of a list of values before
  v_function  integer;           -- parenthesis within which every literal is a secret
  v_hot       integer := 0;      -- 1 after a secret's name, 2 after further words, 3 after an operator, 4 after an operand
  v_level     integer;           -- parentheses open at that name
  v_between   boolean := false;
  v_foreign   boolean;           -- what is a name in SQL stands where another language has a value
  v_zone      boolean := false;  -- every literal of the statement is a secret
  v_insert    boolean := false;
  v_trigger   boolean := false;  -- in CREATE TRIGGER, whose arguments may be names and values
  v_string    integer;           -- where the last string stands, as far as another may go on with it
  v_joined    text;              -- its value, of all its parts
  v_last      integer;           -- the last of its parts
  v_chain     text;              -- what it becomes with the strings before it, with which || or concat() puts it together: the end of that
  v_link      integer;           -- where the first of these stands
  v_built     boolean := false;  -- a name in a list of names and values is put together, of which the first part says so
  v_read      boolean[];         -- strings that a setting is set to which is read later
  v_judged    integer := 0;      -- strings that were looked at closely
  v_secret    boolean := false;  -- it was one
  v_strings   integer[] := '{}'; -- where all strings stand that are none so far, and how many these are: of those that are
  v_count     integer := 0;      -- beyond only the last is of any use
  v_assigned  integer[] := '{}'; -- those that a variable is set to
  v_assigns   boolean := false;  -- after the := of one
  v_sets      boolean := false;  -- UPDATE has set what is a secret by its name
  v_outer     integer[] := '{}'; -- for each parenthesis on the right of a comparison, where its term begins
  v_statement integer := 1;      -- where the statement begins, and
  v_term      integer := 1;      -- the present term of a condition
  v_terms     integer[] := '{}'; -- for each parenthesis, the one around it
  v_batch     integer := 1;      -- after the last semicolon
  v_since     integer;           -- all strings from there on turn out to be secrets
  v_place     integer;
begin
  select array_agg(t.space), array_agg(t.kind), array_agg(t.raw), array_agg(t.value), array_agg(t.space || t.raw)
    into v_spaces, v_kinds, v_raws, v_values, v_out
  from script_tracking_internal.lex(p_text) as t;
  if v_kinds is null then
    return p_text;
  elsif v_kinds[cardinality(v_kinds)] = 'x' then
    return null;
  end if;
  if v_values && array['set', 'with', 'options', 'role', 'user', 'group', 'identified', 'skip', 'copy', 'subscription', 'server', 'database',
    'tablespace', 'explain', 'vacuum', 'analyze', 'reindex', 'cluster', 'checkpoint', 'dictionary', 'type', 'aggregate', 'operator', 'collation']
  then
    v_unquoted := script_tracking_internal.unquoted_secrets(v_kinds, v_values);
  end if;

  if strpos(lower(p_text), 'current_setting') > 0 then
    v_read := script_tracking_internal.settings_read(v_kinds, v_values);
  end if;

  for v_at in 1..cardinality(v_kinds) loop
    v_kind := v_kinds[v_at];
    v_value := v_values[v_at];
    if v_kind <> 'c' then
      v_third := v_before;
      v_before := v_prior;
      v_prior := v_previous;
    end if;
    case
      when v_raws[v_at] = '' then  -- white space at the end
        null;

      when v_kind = 'c' then
        v_out[v_at] := v_spaces[v_at] || script_tracking_internal.redact_comment(v_raws[v_at], v_value);

      when v_kind in ('s', 'e', 'u', 'b', 'd', 'S', 'E', 'U', 'B') then
        if v_kind in ('S', 'E', 'U', 'B') and v_string is not null then
          -- goes on with the string before: they are one, and were judged as one
          if v_secret then  -- the end of a comment's line stays
            v_out[v_at] := case when v_kinds[v_at - 1] = 'c' then v_spaces[v_at] else '' end;
          else
            v_count := v_count + 1;
            v_strings[v_count] := v_at;
          end if;
        else
          v_string := v_at;
          v_cast := 0;
          v_last := v_at;
          v_joined := v_value;
          if v_kinds[v_at + 1] in ('S', 'E', 'U', 'B', 'c') then
            select j.joined, j.last into v_joined, v_last from script_tracking_internal.joined_string(v_kinds, v_values, v_at) as j;
          end if;
          v_secret := v_zone or v_function is not null or v_hot in (1, 3) or v_unquoted[v_at] or v_read[v_at]
            or v_previous in ('connection', 'program', 'conninfo')
            or (v_open > 0 and v_names[v_open] = 'options' and not script_tracking_internal.shows_option(v_previous));
          if v_secret then
            v_chain := null;
            if v_joined <> '' then
              v_out[v_at] := v_spaces[v_at] || '''' || c_mark || '''';
            end if;
          else
            if v_chain is not null and v_before = '' and (v_prior = '||' or v_prior = ',' and v_open > 0 and v_names[v_open] = 'concat') then
              v_chain := right(v_chain, 300) || v_joined;
            else
              v_chain := v_joined;
              v_link := v_at;
            end if;
            if not script_tracking_internal.is_suspect(v_joined) then
              v_text := v_raws[v_at];
            elsif v_judged >= 2000 then
              v_text := null;  -- each takes its time: what is left of so many is taken out unseen
            elsif v_last = v_at then
              v_judged := v_judged + 1;
              v_text := script_tracking_internal.redact_string(v_kind, v_raws[v_at], v_value, p_depth + 1);
            else
              v_judged := v_judged + 1;
              v_text := case when script_tracking_internal.redact_string(v_kind, v_joined, v_joined, p_depth + 1) = v_joined then v_raws[v_at] end;
            end if;
            if v_text = v_raws[v_at] and v_link < v_at and v_joined <> c_mark and script_tracking_internal.is_suspect(left(v_chain, 600)) then
              v_judged := v_judged + 1;
              -- of one that cannot be judged, being cut, each part was judged
              if v_judged > 2000 or script_tracking_internal.redact_literal(left(v_chain, 600), true, p_depth + 1) <> left(v_chain, 600) then
                v_since := v_link;
                v_zone := true;
              end if;
            end if;
            if v_text is null then
              v_out[v_at] := v_spaces[v_at] || '''' || c_mark || '''';
              v_zone := true;
              v_secret := true;
            else
              if v_joined <> '' then
                v_count := v_count + 1;
                v_strings[v_count] := v_at;
                if v_assigns then
                  v_assigned := v_assigned || v_at;
                end if;
              end if;
              if v_text <> v_raws[v_at] then
                v_out[v_at] := v_spaces[v_at] || v_text;
                v_zone := true;
              elsif length(v_chain) < 200 and lower(v_chain) like any (c_parts) and script_tracking_internal.is_secret_name(btrim(v_chain, '{}"')) then
                v_named[v_open] := v_open > 0;
                if v_open > 0 and v_names[v_open] = 'current_setting' and v_strings[v_count - 1] >= v_outer[v_open] then
                  v_count := v_count - 1;
                  v_since := v_outer[v_open];  -- '..' = current_setting('app.token')
                elsif v_previous in ('>', '>>', '#>', '#>>') or right(v_previous, 1) = '[' or (v_open > 0 and v_names[v_open] like any (c_pairs))
                  or (v_previous in ('(', ',') and (v_brackets > 0 or v_trigger and v_open = 1))
                then
                  v_hot := 1;
                  v_level := v_open;
                  v_built := v_values[v_last + 1] = '||';
                  v_previous := '';
                  continue;
                elsif v_first = 'update' and v_previous = '=' then  -- .. SET value = '..' WHERE name = 'password'
                  v_count := v_count - 1;
                  v_since := v_statement;
                  v_zone := true;
                end if;
              end if;
              -- the announcement itself: EXECUTE 'alter role joe password ' || quote_literal('..'), format('.. password %L', ..)
              if lower(right(v_chain, 200)) ~
                  e'(passw(or)?d|passwd|pwd|passphrase|secret|token|key|credentials?|pass|connection)["\']?[[:space:]]*(=>|:=|=|:|to|is|by)?[[:space:]]*[eE]?["\']?(%([0-9]+[$])?[LIs]?["\']?)?$'
                and lower(right(v_chain, 20)) ~ e'([[:space:]=:]|["\'])(%([0-9]+[$])?[lis]?["\']?)?$'
                and v_previous not in ('like', 'ilike') and script_tracking_internal.is_suspect(v_chain)
              then
                v_zone := true;
              end if;
              -- a role, user mapping, server or subscription is defined by a string that goes on: each further part may be the secret
              if (v_values[v_last + 1] = '||' or v_open > 0 and v_names[v_open] in ('format', 'concat', 'concat_ws'))
                and lower(left(v_joined, 200)) ~ e'^[[:space:]]*(create|alter)[[:space:]]+(role|user|group|server|subscription)[[:space:]]'
              then
                v_zone := true;
              end if;
            end if;
            if v_zone and p_depth > 0 and v_joined <> '' then
              -- what it is put together with may be a constant that was declared before
              foreach v_place in array v_assigned loop
                v_out[v_place] := v_spaces[v_place] || '''' || c_mark || '''';
              end loop;
              v_assigned := '{}';
            end if;
          end if;
          if v_hot in (1, 2) then
            v_hot := 0;
          elsif v_hot = 3 then
            v_hot := 4;
          end if;
        end if;
        v_previous := '';

      when v_unquoted[v_at] then
        v_out[v_at] := case
          when v_at > 1 and v_unquoted[v_at - 1] and v_spaces[v_at] = '' then ''
          else v_spaces[v_at] || c_mark end;
        v_string := null;
        v_previous := v_value;

      when v_kind = 'i' or v_kind = 'w' then
        if v_kind = 'w' and v_value = 'uescape' and v_previous = '' and v_string is not null then
          -- written with another escape character: not judged
          v_out[v_string] := v_spaces[v_string] || 'U&''' || c_mark || '''';
          v_zone := true;
        elsif v_kind = 'w' and v_value = 'uescape' then
          v_zone := true;  -- a name that is not known
        end if;
        v_string := null;
        -- in a body of another language a string: api_key = "..", token: "..", also with a letter before it
        v_foreign := v_kind = 'i' and (v_hot = 3 and v_previous in (':', '=', ':=', '=>', '==')
          or v_hot = 4 and v_spaces[v_at] = '' and length(v_previous) between 1 and 2 and v_previous between 'a' and 'zz');
        if lower(v_value) like any (c_parts)
          and script_tracking_internal.is_secret_name(v_value) and (v_kind = 'i' or v_value not in ('authorization', 'bearer'))
        then
          if v_open = v_alias and not v_insert and v_previous in ('(', ',') then
            v_since := v_statement;  -- (values ('..')) as v (password)
          elsif v_previous = 'as'
            or (v_previous in ('', ')', ']', 'end') or v_cast = 2 or v_before in ('||', '.') and v_previous <> '.')
              and (v_select or v_first in ('select', 'with', 'insert', 'explain', 'prepare', 'copy', '')
                or v_first = 'create' and v_second in ('table', 'view', 'materialized', 'temp', 'temporary', 'global', 'local', 'unlogged',
                  'recursive'))
          then
            if v_strings[v_count] >= v_items[v_open + 1] then  -- '..' AS password
              v_since := v_items[v_open + 1];
            end if;
          elsif v_previous = '::' or v_previous = '.' and (v_cast = 1 or v_third = 'as') then
            if v_strings[v_count] >= v_items[v_open + 1] then  -- '..'::token, cast('..' as app.token)
              v_since := v_items[v_open + 1];
            end if;
          elsif v_first = 'update' and v_second = 'set' and v_open = 0 and (v_previous in ('set', ',') or v_before = 'excluded') then
            v_since := v_batch;  -- INSERT .. VALUES ('..') ON CONFLICT (name) DO UPDATE SET password = excluded.password, MERGE
          elsif v_open > 0 and v_strings[v_count] >= v_outer[v_open] then
            v_since := v_outer[v_open];  -- '..' IN (password, token), lower('..') = lower(password)
          elsif v_strings[v_count] >= v_term then
            v_text := case when v_previous = '.' then v_third else v_previous end;
            if v_text in ('like', 'ilike') or (v_text not in ('', '*', '=>') and btrim(v_text, '=<>!~*') = '') then
              v_since := v_term;  -- '..' = password
            end if;
          elsif v_open > 0 and v_names[v_open] = any (c_alike) and v_strings[v_count] > v_begins[v_open] then
            v_since := v_begins[v_open];  -- coalesce('..', password)
          end if;
          if v_foreign then
            v_out[v_at] := v_spaces[v_at] || '"' || c_mark || '"';
            v_hot := 4;
          elsif v_since is null or v_since = v_batch or v_names[v_open] = any (c_alike) or v_kinds[v_at + 1] in ('s', 'e', 'u', 'd', 'b') then
            v_hot := 1;
            v_level := v_open;
            v_named[v_open] := v_open > 0;
            if v_insert and (v_open > 0 or v_previous in ('into', '.')) then
              v_zone := true;
            end if;
            v_sets := v_sets or v_first = 'update' and v_second <> '' and v_previous in ('set', ',', '(');
            v_zone := v_zone or (v_first = 'set' and v_previous = 'set' and v_open = 0 and v_kind = 'w' and v_value = 'password');
          end if;
        elsif v_kind = 'i' then
          if v_foreign then
            v_out[v_at] := v_spaces[v_at] || '"' || c_mark || '"';
            v_hot := 4;
          elsif v_hot in (1, 2) then
            v_hot := 2;
          elsif v_hot = 3 then
            v_hot := 4;
          end if;
        else
          -- words
          if v_first = '' then
            v_first := v_value;
            v_statement := v_at;
          elsif v_second = '' and v_value not in ('or', 'replace') then
            v_second := v_value;
            v_trigger := v_first = 'create' and v_value in ('trigger', 'constraint');
            v_head := v_head and v_value not in ('function', 'procedure', 'trigger', 'rule', 'policy');
          end if;
          case v_value
            when 'insert' then
              -- but not as an event or a right: AFTER INSERT ON, FOR INSERT WITH CHECK, GRANT INSERT ON
              v_insert := v_insert or not (v_previous = any (c_event) and v_values[v_at + 1] in ('on', 'or', 'to', 'with', ','));
            when 'values', 'select' then
              v_insert := false;
              v_select := v_select or v_value = 'select';
              v_items[v_open + 1] := v_at;
              v_term := v_at;
              v_head := v_head and v_open > 0;
            when 'from', 'set', 'returning' then
              v_items[v_open + 1] := v_at;
              if v_value = 'from' and v_open = 0 and v_sets then
                v_zone := true;  -- UPDATE .. SET password = v.p FROM (VALUES ('..')) ..
              end if;
            when 'when' then
              v_term := v_at;
              v_zone := v_zone or v_hot = 1;  -- CASE password WHEN '..'
            when 'where', 'and', 'or', 'not' then
              v_term := v_at;
            when 'as' then
              -- CREATE VIEW v (name, password) AS .., WITH t (name, password) AS ..
              if v_open = 0 and v_head and v_previous = ')' and v_hot = 2 and v_first in ('create', 'with') then
                v_zone := true;
              end if;
              v_head := v_head and v_first <> 'create';
            when 'default' then
              v_assigns := v_first <> all (c_verbs);
            when 'into' then  -- SELECT '..' INTO v_secret
              if v_first = 'select' and p_depth > 0 then
                v_place := v_count;
                while v_place > 0 and v_strings[v_place] > v_statement loop
                  v_assigned := v_assigned || v_strings[v_place];
                  v_place := v_place - 1;
                end loop;
                v_first := v_value;  -- once
              end if;
            when 'begin', 'then', 'else', 'loop', 'declare', 'do' then
              v_term := v_at;
              v_assigns := false;
              if v_value <> 'begin' or v_open = 0 then
                v_first := '';
                v_second := '';
              end if;
              v_select := v_select and v_value in ('then', 'else');
            when 'case' then
              v_zone := v_zone or v_hot in (3, 4);
            else null;
          end case;

          if v_value = 'identified' then
            v_hot := 1;
            v_level := v_open;
          elsif v_hot > 0 then
            case
              when v_value = 'from' and v_previous = 'distinct' then v_hot := 3;
              when v_value = 'using' and v_first = 'alter' and v_second = 'table' then v_hot := 3;
              when v_value = 'as' and v_previous = 'always' then v_hot := 3;
              when v_value = 'as' and v_first = 'create' and v_second = 'domain' then null;
              when v_value = 'for' and v_first = 'set' then null;
              when v_value = 'set' and v_first = 'update' then v_hot := 0;
              when v_value in ('select', 'values') and v_hot in (3, 4) and v_open > v_level then v_hot := 3;
              when v_value = 'and' and v_between then
                v_hot := 3;
                v_between := false;
              when v_value = any (c_ends) and v_open <= v_level then v_hot := 0;
              when v_value in ('default', 'to', 'like', 'ilike', 'in', 'between', 'value') and v_hot in (1, 2) then
                v_hot := 3;
                v_between := v_value = 'between';
              when v_value = 'by' then null;
              when v_hot in (1, 2) then v_hot := 2;
              when v_hot = 3 then v_hot := 4;
              when v_open <= v_level then v_hot := 0;
              else null;
            end case;
          end if;
        end if;
        v_cast := case
          when v_cast = 1 or v_cast = 2 and v_value in ('varying', 'precision', 'with', 'without', 'time', 'zone', 'day', 'hour', 'minute', 'to', 'second')
            then 2
          when v_kind = 'w' and v_value = 'collate' then 1
          else 0 end;
        v_previous := v_value;

      when v_kind = 'n' then
        v_string := null;
        if v_hot = 3 then
          v_hot := 4;
        end if;
        v_previous := v_value;

      else  -- operators and punctuation
        v_string := null;
        if strpos(v_value, '[') > 0 or strpos(v_value, ']') > 0 then
          v_brackets := greatest(v_brackets + length(replace(v_value, ']', '')) - length(replace(v_value, '[', '')), 0);
        end if;
        if v_value = '(' then
          v_open := v_open + 1;
          v_names[v_open] := v_previous;
          v_named[v_open] := false;
          v_begins[v_open] := v_at;
          v_items[v_open + 1] := v_at;
          v_outer[v_open] := coalesce(case
            when v_previous in ('in', 'any', 'all') or (v_previous not in ('', '*', '=>') and btrim(v_previous, '=<>!~*') = '')
              or (v_before not in ('', '*', '=>') and btrim(v_before, '=<>!~*') = '')
              then v_term end, case when v_open > 1 then v_outer[v_open - 1] end);
          v_terms[v_open] := v_term;
          v_term := v_at;
          if v_before = 'as' or (v_before = ')' and v_previous <> all (c_ends || array['check', 'include', ''])) then
            v_alias := v_open;
          end if;
          if v_function is null and v_previous ~ c_functions and v_before not in ('table', 'exists') then
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
          if v_alias = v_open then
            v_alias := null;
          end if;
          if v_open > 0 then
            v_term := v_terms[v_open];
            if v_named[v_open] and v_previous <> '' and v_names[v_open] <> '' and v_open <= v_level then
              v_hot := 2;  -- (name, password) = .., lower(password) = ..
              v_level := v_open - 1;
              v_named[v_open - 1] := v_open > 1;
            elsif v_named[v_open] and v_open <= v_level then
              v_hot := 2;
              v_level := v_open - 1;
            end if;
            v_open := v_open - 1;
          end if;
          if v_open < v_level then
            v_hot := 0;
          elsif v_hot = 3 then
            v_hot := 4;
          end if;
        elsif v_value = ',' then
          v_items[v_open + 1] := v_at;
          v_term := v_at;
          if (v_hot in (1, 2) or v_hot > 0 and v_built and v_open = v_level)
            and (v_brackets > 0 or v_open > 0 and (v_names[v_open] like any (c_pairs) or v_trigger and v_open = 1))
          then
            v_hot := 3;
            v_built := false;
          elsif v_hot > 0 and v_open > 0 and v_names[v_open] = any (c_alike) then
            v_hot := 3;
          elsif v_hot > 0 and v_open <= v_level then
            v_hot := 0;
          elsif v_hot = 4 then
            v_hot := 3;
          end if;
        elsif v_value = ';' then
          v_batch := v_at;
          v_hot := 0; v_level := null; v_insert := false;
          v_first := ''; v_second := ''; v_head := true; v_trigger := false; v_brackets := 0; v_select := false; v_assigns := false; v_sets := false;
          v_items[v_open + 1] := v_at;
          v_term := v_at;
          if v_open = 0 then
            v_zone := false;
          end if;
        elsif v_hot = 4 and v_value = '[' then
          v_hot := 3;
        elsif v_hot > 0 and v_value not in ('::', ']') and btrim(case when left(v_value, 1) = ']' then substr(v_value, 2) else v_value end, '-=<>!~|:*+/') = '' then
          v_hot := 3;
        elsif v_hot = 1 and v_value = '.' then  -- what it qualifies is another name
          v_hot := 0;
          v_named[v_open] := false;
        end if;
        if v_value = ':=' or (v_value = '=' and v_open = 0 and v_first <> all (c_verbs)) then
          v_assigns := true;
        end if;
        v_cast := case
          when right(v_value, 2) = '::' or v_value = '.' and v_cast = 2 then 1
          when v_value in ('(', ')', '[', ']', '[]') then v_cast
          else 0 end;
        v_previous := v_value;
    end case;

    if v_since is not null then
      v_place := v_count;
      while v_place > 0 and v_strings[v_place] >= v_since loop
        v_out[v_strings[v_place]] := v_spaces[v_strings[v_place]] || '''' || c_mark || '''';
        v_place := v_place - 1;
      end loop;
      -- the last stands for all of them from now on: to go through them again for each name would take the square of the time
      if v_place < v_count then
        v_strings[v_place + 1] := v_strings[v_count];
        v_count := v_place + 1;
      end if;
      v_since := null;
    end if;
  end loop;
  return array_to_string(v_out, '');
end
$function$;
