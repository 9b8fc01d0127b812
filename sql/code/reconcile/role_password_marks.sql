-- run-as: installer
-- A mark for each role's password that changes when the password does, and says nothing else of it: a hash under the
-- caller's key. Belongs to the installing role, because only a superuser reads pg_authid; no rows where it may not.
create or replace function script_tracking_internal.role_password_marks(p_key bytea)
returns table (role_id oid, mark text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
begin
  return query
  select a.oid, left(encode(sha256(p_key || int8send(a.oid::bigint) || sha256(convert_to(a.rolpassword, 'UTF8')) || p_key), 'hex'), 32)
  from pg_authid as a where a.rolpassword is not null;
exception when insufficient_privilege then
  return;
end
$function$;
revoke all on function script_tracking_internal.role_password_marks(bytea) from public;
grant execute on function script_tracking_internal.role_password_marks(bytea) to script_tracking_owner;
