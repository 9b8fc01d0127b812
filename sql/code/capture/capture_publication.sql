-- run-as: installer
-- The publication that pgoutput asks for. It publishes nothing: only messages are read through the slot.
do $publication$
begin
  if not exists (select from pg_catalog.pg_publication as p where p.pubname = 'script_tracking_capture') then
    create publication script_tracking_capture;
  end if;
end
$publication$;
