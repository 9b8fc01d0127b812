-- run-as: installer
-- requires: serverlog/log_files.sql
-- For the daemon: what keeps the server's log from being read, in words; empty where nothing does.
create or replace function script_tracking_internal.probe_log()
returns text[]
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
declare
  v_missing text[] := '{}';
  v_formats text := case when current_setting('server_version_num')::integer >= 150000
    then 'jsonlog or csvlog' else 'csvlog' end;
begin
  if current_setting('logging_collector') <> 'on' then
    v_missing := v_missing || 'logging_collector is off (on needs a restart of the server)'::text;
  end if;
  if current_setting('log_destination') !~ '(jsonlog|csvlog)' then
    v_missing := v_missing || format('log_destination has no %s', v_formats);
  end if;
  if current_setting('log_min_messages') in ('fatal', 'panic') then
    v_missing := v_missing || format('log_min_messages is %s, so errors are not logged (it should be error or lower)',
      current_setting('log_min_messages'));
  end if;
  if v_missing = '{}' then
    begin
      if not exists (select from script_tracking_internal.log_files() as f where f.is_current) then
        v_missing := v_missing || format('the server has no current %s file in log_directory', v_formats);
      elsif (select script_tracking_internal.read_log(f.file_name, 0, 1) is null
             from script_tracking_internal.log_files() as f where f.is_current)
      then
        v_missing := v_missing || 'the current log file cannot be read'::text;
      end if;
    exception when insufficient_privilege then
      v_missing := v_missing || format('role %I, which installed the schema, may not read the log: it needs pg_monitor, '
        'pg_read_server_files and EXECUTE on pg_current_logfile, pg_ls_dir, pg_stat_file and pg_read_binary_file',
        current_user);
    when undefined_file or io_error then
      v_missing := v_missing || format('the log cannot be read: %s', sqlerrm);
    end;
  end if;
  return v_missing;
end
$function$;
revoke all on function script_tracking_internal.probe_log() from public;
grant execute on function script_tracking_internal.probe_log() to script_tracking_daemon, script_tracking_owner;
