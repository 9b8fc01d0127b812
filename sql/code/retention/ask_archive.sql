-- For the daemon that is configured to archive: whether it may, by the setting retention.archive. That it asks is noted: as
-- long as it is and may not, nothing goes (disposal()).
create or replace function script_tracking_internal.ask_archive()
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set lock_timeout = '200ms'
set plpgsql.extra_errors = 'none'
as $function$
begin
  update script_tracking_internal.retention_state set archive_asked_at = clock_timestamp();
  return (select s.value = 'on' from script_tracking_internal.setting as s where s.name = 'retention.archive');
end
$function$;
