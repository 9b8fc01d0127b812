-- For the daemon: how far this database has read the log, NULLs before the first time in this incarnation, and what it
-- needs to read on.
create or replace function script_tracking_internal.log_position()
returns table (database_name text, encoding text, log_format text, file_name text, read_to bigint, mark bytea, mark_length integer, modified_at timestamptz)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select current_database()::text, current_setting('server_encoding'), p.log_format, p.file_name, p.read_to, p.mark,
    p.mark_length, p.modified_at
  from script_tracking_internal.installation as i
  left join script_tracking_internal.log_position as p on p.incarnation = i.incarnation
$function$;
