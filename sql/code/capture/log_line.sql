-- run-as: installer
-- Writes a line to the server's log without the STATEMENT that the server adds where log_min_error_statement has it: the
-- statement succeeds, and its text would not stand in the log without the tracker. CONTEXT goes, too, where it tells a secret;
-- csvlog and jsonlog always have it, so no line is written to those then. Nor where an installing role that is no superuser
-- may not leave the statement out, and that tells one.
create or replace function script_tracking_internal.log_line(p_text text, p_secret_statement boolean, p_secret_context boolean)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
declare
  v_statement text := current_setting('log_min_error_statement');
  v_verbosity text := current_setting('log_error_verbosity');
begin
  if p_secret_context and current_setting('log_destination') ~ '(csvlog|jsonlog)' then
    return;
  end if;
  begin
    perform set_config('log_min_error_statement', 'panic', true);
    if p_secret_context then
      perform set_config('log_error_verbosity', 'terse', true);
    end if;
  exception when insufficient_privilege then
    if p_secret_statement or p_secret_context then
      return;
    end if;
  end;
  raise log 'script_tracking: %', p_text;
  if current_setting('log_min_error_statement') <> v_statement then
    perform set_config('log_min_error_statement', v_statement, true);
  end if;
  if current_setting('log_error_verbosity') <> v_verbosity then
    perform set_config('log_error_verbosity', v_verbosity, true);
  end if;
end
$function$;
revoke all on function script_tracking_internal.log_line(text, boolean, boolean) from public;
grant execute on function script_tracking_internal.log_line(text, boolean, boolean) to script_tracking_owner;
