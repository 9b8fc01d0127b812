-- run-as: installer
-- requires: serverlog/log_place.sql
-- For the daemon: bytes of one of the files that log_files() shows, a mebibyte at most; NULL where it is gone.
create or replace function script_tracking_internal.read_log(p_file_name text, p_offset bigint, p_length integer)
returns bytea
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
declare
  v_place record;
begin
  v_place := script_tracking_internal.log_place();
  if coalesce(p_file_name = v_place.file_name or p_file_name ~ v_place.pattern, false) is false
    or strpos(p_file_name, '/') > 0
  then
    raise exception using errcode = 'ST003', message = 'this is no file of the server''s current log';
  end if;
  if coalesce(p_offset >= 0 and p_length between 0 and 1048576, false) is false then
    raise exception using errcode = 'ST003', message = 'a read begins at 0 or later and has 0 to 1048576 bytes';
  end if;
  return pg_read_binary_file(v_place.directory || '/' || p_file_name, p_offset, p_length, true);
end
$function$;
revoke all on function script_tracking_internal.read_log(text, bigint, integer) from public;
grant execute on function script_tracking_internal.read_log(text, bigint, integer) to script_tracking_daemon;
