-- requires: auth/auth_schema.sql, auth/begin_registration.sql, auth/call_login_function.sql, auth/end_login.sql
-- Registers by the function that is configured, and records that, in the three steps of auth.login_user_tracking.
create or replace function auth.register_user_tracking(user_data jsonb)
returns jsonb
language sql volatile
begin atomic
  select script_tracking_internal.end_login(b.begun, case when not b.begun ? 'outcome' and b.begun ? 'function'
    then script_tracking_internal.call_login_function(b.begun, null, null, null, register_user_tracking.user_data) end)
  from script_tracking_internal.begin_registration(register_user_tracking.user_data) as b (begun);
end;
comment on function auth.register_user_tracking(jsonb) is
  'Registers by the configured function and records that; user_data: an object with email, password and tenant_hk (hexadecimal; without it the session''s tenant). The answer is an object with success (true or false)';
