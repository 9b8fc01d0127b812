-- run-as: installer
-- requires: serverlog/log_place.sql
-- For the daemon: the files of the server's log, in the order in which they were written, the current one last.
-- Runs with the rights of whoever installed the schema, as PostgreSQL lets few look at its files; so it shows nothing but
-- files in the folder of the current log that are named like it.
create or replace function script_tracking_internal.log_files()
returns table (log_format text, file_name text, size bigint, modified_at timestamptz, is_current boolean)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
#variable_conflict use_column
declare
  v_place record;
begin
  v_place := script_tracking_internal.log_place();
  if v_place.log_format is null then
    return;
  end if;
  return query
    select v_place.log_format, n.name, f.size, f.modification, n.name = v_place.file_name
    from pg_ls_dir(v_place.directory) as n (name)
    cross join lateral pg_stat_file(v_place.directory || '/' || n.name, true) as f
    where (n.name = v_place.file_name or n.name ~ v_place.pattern) and not f.isdir
    order by n.name = v_place.file_name, f.modification, n.name;
end
$function$;
revoke all on function script_tracking_internal.log_files() from public;
grant execute on function script_tracking_internal.log_files() to script_tracking_daemon;
