-- For the daemon: calls of the login wrappers whatever became of their transactions, and the window within which failures
-- count; no row where the database did not opt in.
create or replace function script_tracking_internal.collect_login_calls()
returns table (calls_total bigint, window_seconds integer)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.login_call_seq as q),
    coalesce((select least(greatest(s.value::integer, 60), 86400) from script_tracking_internal.setting as s
      where s.name = 'login.window_seconds' and s.value ~ '^[0-9]{1,9}$'), 900)
  from script_tracking_internal.schema_code as k where k.path = 'code/auth/end_login.sql'
$function$;
