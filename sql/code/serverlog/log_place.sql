-- run-as: installer
-- requires: serverlog/log_name_pattern.sql
-- Where the server writes the log that can be read: jsonlog where it is written, else csvlog. NULLs where neither is.
create or replace function script_tracking_internal.log_place(
  out log_format text, out directory text, out file_name text, out pattern text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_path text;
begin
  if current_setting('server_version_num')::integer >= 150000 then
    v_path := pg_current_logfile('jsonlog');  -- refused by 14
    log_format := case when v_path is not null then 'jsonlog' end;
  end if;
  if v_path is null then
    v_path := pg_current_logfile('csvlog');
    log_format := case when v_path is not null then 'csvlog' end;
  end if;
  file_name := substring(v_path from '[^/]+$');
  directory := left(v_path, - length(file_name) - 1);
  pattern := script_tracking_internal.log_name_pattern(
    current_setting('log_filename'), case log_format when 'jsonlog' then '.json' else '.csv' end);
end
$function$;
revoke all on function script_tracking_internal.log_place() from public;
