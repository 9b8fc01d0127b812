-- A moment as the log has it, in local time of log_timezone with its abbreviation, which is asked only in the hour that
-- comes twice: abbreviations mean different things in different places.
create or replace function script_tracking_internal.log_time(p_text text)
returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
declare
  v_zone   text := current_setting('log_timezone');
  v_local  timestamp := (split_part(p_text, ' ', 1) || ' ' || split_part(p_text, ' ', 2))::timestamp;
  v_moment timestamptz := v_local at time zone v_zone;
  v_other  timestamptz;
begin
  foreach v_other in array array[
    v_moment - interval '1 hour', v_moment + interval '1 hour', v_moment - interval '30 minutes', v_moment + interval '30 minutes']
  loop
    if v_other at time zone v_zone = v_local then
      perform set_config('timezone', v_zone, true);
      return case when upper(to_char(v_other, 'TZ')) = upper(split_part(p_text, ' ', 3)) then v_other else v_moment end;
    end if;
  end loop;
  return v_moment;
end
$function$;
