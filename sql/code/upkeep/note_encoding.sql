-- requires: vault/utf8_text.sql
-- Notes whether texts may come whose bytes are no UTF-8: in a database of another encoding, and of a role whose name was given
-- in one. Roles may be made in any database, and the name of each caller is not asked for each time: so upkeep asks again.
create or replace function script_tracking_internal.note_encoding()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_foreign boolean := getdatabaseencoding() <> 'UTF8';
begin
  if not v_foreign then
    select exists (
      select from pg_roles as r
      cross join lateral (select replace(r.rolname::text, e'\\', e'\\\\') as name) as n
      -- few names have bytes beyond ASCII at all, and the closer look takes a subtransaction for each
      where encode(decode(n.name, 'escape'), 'escape') <> n.name
        and script_tracking_internal.utf8_text(r.rolname::text, false) <> r.rolname::text)
    into v_foreign;
  end if;
  update script_tracking_internal.installation as i set foreign_encoding = v_foreign
  where i.foreign_encoding <> v_foreign;
end
$function$;
