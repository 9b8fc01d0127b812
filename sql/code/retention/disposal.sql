-- What may go for good once retention and holds have passed, by the settings: none; all; archived, what an exporter has
-- archived; disputed, where an exporter is configured to archive and the setting retention.archive is off: then nothing
-- goes, until a superuser decides or no exporter has asked for a day. A setting that is missing counts as its default.
create or replace function script_tracking_internal.disposal()
returns text
language sql stable
as $function$
  select case
    when (select s.value from script_tracking_internal.setting as s where s.name = 'retention.disposable') is distinct from 'all'
      then 'none'
    when (select s.value from script_tracking_internal.setting as s where s.name = 'retention.archive') = 'on' then 'archived'
    when exists (select from script_tracking_internal.retention_state as r
        where r.archive_asked_at > pg_catalog.now() - interval '1 day') then 'disputed'
    else 'all' end
$function$;
