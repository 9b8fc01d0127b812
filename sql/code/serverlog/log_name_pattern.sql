-- run-as: installer
-- Regular expression of the names that the server gives to log files of a format: log_filename with .json or .csv for
-- .log, its % escapes as what they can stand for, and the number or date that a rotation from outside appends.
-- NULL where log_filename names folders. No backslash stands in here: a session may have switched
-- standard_conforming_strings off.
create or replace function script_tracking_internal.log_name_pattern(p_log_filename text, p_extension text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_name    text := p_log_filename;
  v_pattern text := '';
  v_at      integer := 1;
  v_sign    text;
begin
  if right(p_log_filename, 4) = '.log' and length(p_log_filename) > 4 then
    v_name := left(p_log_filename, -4);
  end if;
  if strpos(v_name, '/') > 0 then
    return null;
  end if;
  while v_at <= length(v_name) loop
    v_sign := substr(v_name, v_at, 1);
    if v_sign = '%' then
      v_at := v_at + 1;
      v_sign := substr(v_name, v_at, 1);
      v_pattern := v_pattern || case
        when v_sign in ('%', '') then '%'
        when v_sign = 'Y' or v_sign = 'G' then '[0-9]{4}'
        when v_sign = 'j' then '[0-9]{3}'
        when v_sign = 's' then '[0-9]{1,12}'
        when v_sign = 'u' or v_sign = 'w' then '[0-7]'
        when v_sign = 'z' then '[+-][0-9]{4}'
        when v_sign = 'F' then '[0-9]{4}-[0-9]{2}-[0-9]{2}'
        when v_sign = 'T' then '[0-9]{2}:[0-9]{2}:[0-9]{2}'
        when v_sign = 'R' then '[0-9]{2}:[0-9]{2}'
        when v_sign in ('a', 'A', 'b', 'B', 'h', 'p', 'Z') then '[A-Za-z]{1,12}'
        when v_sign in ('C', 'd', 'e', 'g', 'H', 'I', 'k', 'l', 'm', 'M', 'S', 'U', 'V', 'W', 'y') then '[ 0-9][0-9]'
        else '[A-Za-z0-9 :+-]{1,40}' end;
    elsif v_sign between '0' and '9' or v_sign between 'a' and 'z' or v_sign between 'A' and 'Z' then
      v_pattern := v_pattern || v_sign;
    else
      v_pattern := v_pattern || '[[.' || v_sign || '.]]';
    end if;
    v_at := v_at + 1;
  end loop;
  return '^' || v_pattern || replace(p_extension, '.', '[.]') || '([.-][0-9]{1,14})?$';
end
$function$;
revoke all on function script_tracking_internal.log_name_pattern(text, text) from public;
