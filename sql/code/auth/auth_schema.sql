-- run-as: installer
-- requires: auth/make_login_key.sql
-- The schema of the two wrappers, only where nobody else has one of that name; and the key that e-mails are hashed with.
do $schema$
declare
  v_owner text := (select pg_catalog.pg_get_userbyid(n.nspowner) from pg_catalog.pg_namespace as n where n.nspname = 'auth');
begin
  if v_owner is null then
    create schema auth authorization script_tracking_owner;
  elsif v_owner <> 'script_tracking_owner' then
    raise exception using errcode = 'duplicate_schema', message = pg_catalog.format(
      'schema auth belongs to %I: the login wrappers need one of their own, and somebody else''s is never changed', v_owner),
      hint = 'Declare logins by script_tracking.track_operation() instead, or rename that schema.';
  end if;
end
$schema$;
comment on schema auth is 'The two login wrappers of script_tracking, and nothing else';
select script_tracking_internal.make_login_key();
