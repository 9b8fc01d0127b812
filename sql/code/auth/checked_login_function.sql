-- The host's function of that name, as login_function keeps it; NULL for NULL. Raises ST003 where it is missing, takes or
-- returns something else, or is the tracker's own, which would call itself for ever.
-- The name is read as SQL writes it, quotes and all, and must name the schema: whatever anybody's search_path has is not it.
create or replace function script_tracking_internal.checked_login_function(p_script_type varchar, p_name text)
returns script_tracking_internal.login_function
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_parts  text[];
  v_wanted text := case p_script_type when 'LOGIN' then 'varchar or text, varchar or text, bytea' else 'jsonb' end;
  v_found  script_tracking_internal.login_function;
  v_count  bigint;
begin
  if p_name is null then
    return null;
  end if;
  begin
    v_parts := parse_ident(p_name);
  exception when invalid_parameter_value then
    null;
  end;
  if cardinality(v_parts) is distinct from 2 then
    raise exception using errcode = 'ST003', message = format('%L must be the name of a function with its schema', left(p_name, 200));
  elsif v_parts[1] in ('auth', 'script_tracking', 'script_tracking_internal', 'pg_catalog', 'information_schema') or v_parts[1] ~ '^pg_' then
    raise exception using errcode = 'ST003', message = format('schema %I holds no function of the application''s', v_parts[1]);
  end if;
  select count(*), min(array_to_string(c.types, ',')) into v_count, v_wanted
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  cross join lateral (
    select array_agg('pg_catalog.' || quote_ident(t.typname) order by a.position) as types
    from unnest(p.proargtypes) with ordinality as a (type, position) join pg_type as t on t.oid = a.type) as c
  where n.nspname = v_parts[1] and p.proname = v_parts[2] and p.prokind = 'f' and not p.proretset
    and p.prorettype in ('jsonb'::regtype, 'boolean'::regtype) and p.provariadic = 0
    and case p_script_type
      when 'LOGIN' then p.pronargs = 3 and p.proargtypes[0] in ('varchar'::regtype, 'text'::regtype)
        and p.proargtypes[1] in ('varchar'::regtype, 'text'::regtype) and p.proargtypes[2] = 'bytea'::regtype
      else p.pronargs = 1 and p.proargtypes[0] = 'jsonb'::regtype end;
  if v_count <> 1 then
    raise exception using errcode = 'ST003', message = format(
      case v_count when 0 then 'there is no function %I.%I(%s) that returns jsonb or boolean'
        else 'there are several functions %I.%I(%s) that return jsonb or boolean' end, v_parts[1], v_parts[2],
      case p_script_type when 'LOGIN' then 'varchar or text, varchar or text, bytea' else 'jsonb' end);
  end if;
  v_found.script_type := p_script_type;
  v_found.schema_name := v_parts[1];
  v_found.function_name := v_parts[2];
  v_found.argument_types := string_to_array(v_wanted, ',');
  return v_found;
end
$function$;
