-- run-as: installer
-- The publication that pgoutput asks for. It publishes nothing: only messages are read through the slot.
-- One that somebody else made, as a restore by an ordinary owner does, is taken over where the installing role may.
do $publication$
begin
  if not exists (select from pg_catalog.pg_publication as p where p.pubname = 'script_tracking_capture') then
    create publication script_tracking_capture;
  elsif exists (
    select from pg_catalog.pg_publication as p join pg_catalog.pg_roles as r on r.oid = p.pubowner
    where p.pubname = 'script_tracking_capture' and not r.rolsuper and r.rolname <> current_user and pg_catalog.pg_has_role(r.oid, 'usage'))
  then
    alter publication script_tracking_capture owner to current_user;
  end if;
end
$publication$;
