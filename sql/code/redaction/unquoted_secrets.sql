-- requires: redaction/is_secret_name.sql, redaction/shows_option.sql
-- Which tokens of lex() are secrets though nothing quotes them: PASSWORD hunter2, SET app.token = hunter2, WITH (password =
-- hunter2), OPTIONS (password hunter2), CONNECTION host=h password=hunter2. The grammar takes a word or a number in some of
-- these places; in the others it refuses the statement, which is recorded all the same. Strings among them count, too, and
-- so does every string of a statement about a role, user mapping, server or subscription but those known to be harmless:
-- a name that announces one may be misspelt.
-- Only where a statement defines something: in an expression, name = word is code.
create or replace function script_tracking_internal.unquoted_secrets(p_kinds "char"[], p_values text[])
returns boolean[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  -- what may follow the value
  c_role     constant text[] := array['superuser', 'nosuperuser', 'createdb', 'nocreatedb', 'createrole', 'nocreaterole', 'inherit',
    'noinherit', 'login', 'nologin', 'replication', 'noreplication', 'bypassrls', 'nobypassrls', 'connection', 'valid', 'in', 'role',
    'user', 'admin', 'sysid', 'set', 'reset', 'rename', 'with', 'encrypted', 'unencrypted', 'options', 'owner', 'publication', 'version'];
  c_routine  constant text[] := array['as', 'language', 'immutable', 'stable', 'volatile', 'strict', 'security', 'called', 'returns',
    'return', 'cost', 'rows', 'support', 'parallel', 'leakproof', 'window', 'set', 'reset', 'external', 'transform', 'begin', 'not'];
  c_harmless constant text[] := array['null', 'none', 'default', 'true', 'false', 'on', 'off', 'current', 'from'];
  -- parameters of a subscription
  c_shown    constant text[] := array['slot_name', 'synchronous_commit', 'streaming', 'origin', 'binary', 'copy_data', 'create_slot', 'enabled',
    'connect', 'two_phase', 'lsn'];
  v_marks    boolean[] := array_fill(false, array[greatest(cardinality(p_values), 1)]);
  v_kind     "char";
  v_value    text;
  v_next     text;
  v_previous text := '';        -- '' after a string
  v_first    text := '';        -- words of the statement; CREATE OR REPLACE is CREATE
  v_second   text := '';
  v_role     boolean := false;  -- in CREATE or ALTER ROLE, USER, GROUP
  v_server   boolean := false;  -- in that of a server or user mapping
  v_publish  boolean := false;  -- in that of a subscription
  v_defines  boolean := false;  -- there, or in a statement of another object that has no columns
  v_setting  boolean := false;  -- in a statement that sets a setting
  v_name     boolean := false;  -- before its = or TO
  v_open     integer := 0;
  v_lists    text[] := '{}';    -- for each parenthesis that is open: '' no list of options, = one of name = value, w one in which = may
                                -- be left out, o that of OPTIONS
  v_taking   integer := 0;      -- 1 after the name, 2 within the value
  v_ends     text;              -- which value: l in a list, s of a setting, r of a role, c all the rest
  v_level    integer := 0;      -- parentheses open at the name
begin
  for v_at in 1..cardinality(p_values) loop
    v_kind := p_kinds[v_at];
    v_value := p_values[v_at];
    continue when v_kind = 'c' or (v_value = '' and v_kind = 'o');

    if v_kind not in ('w', 'i', 'n', 'o') then  -- a string
      v_marks[v_at] := v_taking > 0 or case
        when v_setting then false
        when v_role then v_previous <> 'until'
        when v_server then v_previous not in ('type', 'version')
          and not (v_open > 0 and v_lists[v_open] = 'o' and script_tracking_internal.shows_option(v_previous))
        when v_publish then not (v_open > 0 and v_previous = '=' and coalesce(p_values[v_at - 2] = any (c_shown), false))
        else false end;
      v_taking := case when v_taking > 0 and v_ends <> 'c' then 2 else v_taking end;
      v_previous := '';
      continue;
    end if;

    if v_kind = 'o' then
      case
        when v_value = ';' then
          v_first := ''; v_second := ''; v_role := false; v_server := false; v_publish := false; v_defines := false; v_setting := false;
          v_taking := 0;
        when v_value = '(' then
          v_open := v_open + 1;
          v_lists[v_open] := case
            when v_previous = 'options' then 'o'
            when v_previous = 'with' or (v_previous in ('set', 'skip') and v_first = 'alter') then 'w'
            when v_first = 'copy' and v_previous in ('', 'stdin', 'stdout') then 'w'
            when v_previous = v_first and v_first in ('explain', 'vacuum', 'analyze', 'reindex', 'cluster', 'checkpoint') then 'w'
            when v_first in ('create', 'alter') and v_second in ('text', 'type', 'aggregate', 'operator', 'collation') then '='
            else '' end;
          if v_taking = 1 and v_ends = 'l' then
            v_taking := 0;
          end if;
        when v_value = ')' then
          if v_taking > 0 and v_ends <> 'c' and v_open <= v_level then
            v_taking := 0;
          end if;
          v_open := greatest(v_open - 1, 0);
        when v_value = ',' then
          if v_taking > 0 and v_ends in ('l', 'r') and v_open <= v_level then
            v_taking := 0;
          end if;
        when v_taking = 1 and v_value = '.' then
          v_taking := 0;
        when v_taking = 1 and v_value ~ '^(=|:)' then
          v_taking := 2;
        when v_taking = 2 or (v_taking = 1 and (v_ends = 'r' or v_first = 'set' or (v_ends = 'l' and v_lists[v_open] <> '='))) then
          v_marks[v_at] := true;
          v_taking := 2;
        else
          v_name := v_name and v_value <> '=';
      end case;
      v_previous := v_value;
      continue;
    end if;

    if v_kind = 'w' then
      if v_first = '' then
        v_first := v_value;
      elsif v_second = '' and v_value not in ('or', 'replace') then
        v_second := v_value;
        v_role := v_first in ('create', 'alter') and v_value in ('role', 'user', 'group');
        v_server := v_first in ('create', 'alter') and v_value = 'server';
        v_publish := v_first in ('create', 'alter') and v_value = 'subscription';
        v_defines := v_role or (v_first in ('create', 'alter') and v_value in ('server', 'subscription', 'database', 'tablespace'));
      elsif v_value = 'mapping' and v_previous = 'user' then
        v_role := false;
        v_server := true;
      end if;
      if v_open = 0 and v_value in ('begin', 'then', 'else', 'loop', 'declare', 'do') and (v_taking = 0 or v_ends <> 'c') then
        v_first := ''; v_second := ''; v_role := false; v_server := false; v_publish := false; v_defines := false; v_setting := false;
        v_taking := 0; v_previous := v_value;
        continue;
      end if;
      if v_value = 'set' and v_open = 0 then
        v_taking := 0;
        v_setting := v_first = 'set' or (v_first = 'alter' and v_second in ('system', 'role', 'user', 'group', 'database'))
          or (v_first in ('create', 'alter') and v_second in ('function', 'procedure', 'routine'));
        v_name := v_setting;
        v_previous := v_value;
        continue;
      end if;
      v_name := v_name and (v_value <> 'to' or v_taking > 0);
    end if;

    -- within a value
    if v_taking > 0 then
      if v_kind = 'w' and v_ends = 'r' and v_value in ('by', 'to') and v_taking = 1 then
        v_previous := v_value;
        continue;
      elsif v_kind = 'w' and v_ends = 's' and v_value = 'to' and v_taking = 1 then
        v_taking := 2; v_previous := v_value;
        continue;
      elsif v_kind = 'w' and v_value = 'uescape' and v_previous = '' then
        v_previous := v_value;
        continue;
      elsif v_kind = 'w' and v_ends <> 'c' and v_value = any (c_harmless) and v_previous <> '' then
        v_taking := case when v_ends = 's' then 2 else 0 end;
        v_previous := v_value;
        continue;
      elsif v_kind = 'w' and (
        (v_ends = 'r' and v_value = any (c_role) and (v_taking = 2 or v_value in ('with', 'set', 'valid', 'options')))
        or (v_ends = 's' and v_second in ('function', 'procedure', 'routine') and v_value = any (c_routine))
        or (v_ends = 'c' and v_value = 'publication'))
      then
        v_taking := 0;
      elsif v_taking = 1 and v_ends = 's' and v_first = 'create' then
        v_taking := 0;
      elsif v_taking = 1 and v_ends = 'l' and v_lists[v_open] = '=' then
        v_taking := 0;
      else
        v_marks[v_at] := true;
        v_taking := 2;
        v_previous := v_value;
        continue;
      end if;
    end if;

    -- a name?
    v_next := p_values[v_at + 1];
    v_level := v_open;
    if v_kind = 'n' then
      null;
    elsif v_open > 0 and v_lists[v_open] = 'o' then
      if v_kind = 'w' and v_value in ('set', 'add', 'drop') and v_previous in ('(', ',') then
        null;
      elsif v_previous in ('(', ',', 'set', 'add') and not script_tracking_internal.shows_option(v_value) then
        v_taking := 1; v_ends := 'l';
      end if;
    elsif v_open > 0 and v_lists[v_open] <> '' then
      if script_tracking_internal.is_secret_name(v_value) then
        v_taking := 1; v_ends := 'l';
      end if;
    elsif v_kind = 'w' and v_value = 'identified' and v_next in ('by', 'with') then
      v_taking := 1; v_ends := 'r';
    elsif v_kind = 'w' and v_open = 0 and v_next is not null
      and ((v_value = 'connection' and v_second = 'subscription') or (v_value = 'program' and v_first = 'copy'))
      and p_kinds[v_at + 1] in ('w', 'i', 'n', 'o')
    then
      v_taking := 2; v_ends := 'c';
    elsif (case when v_setting then v_name or v_next = '=' else v_defines end) and v_open = 0 and script_tracking_internal.is_secret_name(v_value)
      and v_value not in ('authorization', 'bearer') and v_previous not in ('role', 'user', 'group', 'server', 'subscription', 'database', 'tablespace')
      and v_next is distinct from 'for'
    then
      v_taking := 1;
      v_ends := case when v_setting then 's' else 'r' end;
    end if;
    v_previous := v_value;
  end loop;
  return v_marks;
end
$function$;
