-- requires: auth/auth_schema.sql, auth/begin_login.sql, auth/call_login_function.sql, auth/end_login.sql
-- Logs in by the function that is configured, and records that. Not SECURITY DEFINER: the host's function runs as the
-- caller, who may do nothing by way of this one that it may not do without. Its first and last step run as the owner; bound
-- when this function is made (BEGIN ATOMIC), they need no right on their schema, without which nobody can call them otherwise,
-- and tell of a login that never was. Their types are jsonb so that they can be replaced without replacing this one.
create or replace function auth.login_user_tracking(email varchar, password varchar, tenant_hk bytea)
returns jsonb
language sql volatile
begin atomic
  select script_tracking_internal.end_login(b.begun, case when not b.begun ? 'outcome' and b.begun ? 'function'
    then script_tracking_internal.call_login_function(
      b.begun, login_user_tracking.email, login_user_tracking.password, login_user_tracking.tenant_hk, null) end)
  from script_tracking_internal.begin_login(
    login_user_tracking.email, login_user_tracking.password, login_user_tracking.tenant_hk) as b (begun);
end;
comment on function auth.login_user_tracking(varchar, varchar, bytea) is
  'Logs in by the configured function and records the attempt; the answer is an object with success (true or false). tenant_hk: of a tenant that the role is a member of';
