-- What may go for good once retention and holds have passed, by the settings: none; all; archived, what an exporter has
-- archived; disputed, where an exporter is configured to archive and the setting retention.archive is off: then nothing
-- goes, until a superuser decides or no exporter has asked for a day.
create or replace function script_tracking_internal.disposal()
returns text
language sql stable
as $function$
  select case
    when d.value <> 'all' then 'none'
    when a.value = 'on' then 'archived'
    when r.archive_asked_at > pg_catalog.now() - interval '1 day' then 'disputed'
    else 'all' end
  from script_tracking_internal.setting as d
  cross join script_tracking_internal.setting as a
  cross join script_tracking_internal.retention_state as r
  where d.name = 'retention.disposable' and a.name = 'retention.archive'
$function$;
