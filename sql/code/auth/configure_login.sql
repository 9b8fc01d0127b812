-- requires: rules/record_change.sql, rules/checked_reason.sql, auth/checked_login_function.sql, auth/pgcrypto_function.sql
-- Says what the login wrappers call: functions of the host's, or with NULL for both the reference implementation. Where one
-- alone is named, the other wrapper is unavailable. What is named is only looked at here, never called.
create or replace function script_tracking.configure_login(login_function text, register_function text, reason text)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason   text := script_tracking_internal.checked_reason(configure_login.reason);
  v_login    script_tracking_internal.login_function;
  v_register script_tracking_internal.login_function;
  v_before   jsonb;
  v_after    jsonb;
  v_probe    text;
begin
  if configure_login.login_function is null and configure_login.register_function is null then
    v_probe := script_tracking_internal.pgcrypto_function('pg_crypt');
    if v_probe is null or script_tracking_internal.pgcrypto_function('pg_gen_salt_rounds') is null then
      raise exception using errcode = 'ST008',
        message = 'the reference implementation needs the extension pgcrypto, in a schema that script_tracking_owner may use',
        hint = 'create extension pgcrypto; grant usage on its schema to script_tracking_owner. Or name functions of your own.';
    end if;
    execute format('select %s(%L, %L)', v_probe, 'x', '$2a$04$' || repeat('x', 21) || 'u') into strict v_probe;
  else
    v_login := script_tracking_internal.checked_login_function('LOGIN', configure_login.login_function);
    v_register := script_tracking_internal.checked_login_function('REGISTRATION', configure_login.register_function);
  end if;
  lock table script_tracking_internal.login_function in share row exclusive mode;
  select jsonb_object_agg(f.script_type, coalesce(f.schema_name || '.' || f.function_name, 'reference')) into v_before
  from script_tracking_internal.login_function as f;
  delete from script_tracking_internal.login_function;
  insert into script_tracking_internal.login_function (script_type, schema_name, function_name, argument_types)
  select w.script_type, w.schema_name, w.function_name, w.argument_types
  from (values ('LOGIN', v_login.schema_name, v_login.function_name, v_login.argument_types),
    ('REGISTRATION', v_register.schema_name, v_register.function_name, v_register.argument_types))
    as w (script_type, schema_name, function_name, argument_types)
  where w.function_name is not null or v_probe is not null;
  select jsonb_object_agg(f.script_type, coalesce(f.schema_name || '.' || f.function_name, 'reference')) into v_after
  from script_tracking_internal.login_function as f;
  perform script_tracking_internal.record_change('configure_login', v_reason, v_before, v_after);
end
$function$;
comment on function script_tracking.configure_login(text, text, text) is
  'What the login wrappers call: "schema.function" of the host''s for each, NULL for both: the reference implementation; ST003 for a function that does not fit, ST008 without pgcrypto';
