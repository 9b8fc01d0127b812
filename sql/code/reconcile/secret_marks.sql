-- run-as: installer
-- Marks for what may hold passwords, that change when it does, and say nothing else of it: hashes under the caller's key of
-- each subscription's connection string and of each user mapping's options. As the installing role, because only a
-- superuser reads those; no rows where it may not.
create or replace function script_tracking_internal.secret_marks(p_key bytea)
returns table (class_id oid, object_id oid, mark text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
begin
  return query
  select t.class_id, t.object_id, left(encode(sha256(p_key || int8send(t.object_id::bigint) || sha256(convert_to(t.text, 'UTF8')) || p_key), 'hex'), 32)
  from (
    select 6100::oid as class_id, s.oid as object_id, s.subconninfo as text
    from pg_subscription as s join pg_database as d on d.oid = s.subdbid where d.datname = current_database()
    union all
    select 1418, u.oid, u.umoptions::text from pg_user_mapping as u where u.umoptions is not null) as t;
exception when insufficient_privilege then
  return;
end
$function$;
revoke all on function script_tracking_internal.secret_marks(bytea) from public;
grant execute on function script_tracking_internal.secret_marks(bytea) to script_tracking_owner;
