-- A whole number among the settings, within its bounds; the default where it is none: a typing error locks nobody out.
create or replace function script_tracking_internal.login_setting(
  p_name text, p_default integer, p_least integer, p_most integer)
returns integer
language sql stable
as $function$
  select coalesce((
    select least(greatest(s.value::integer, p_least), p_most) from script_tracking_internal.setting as s
    where s.name operator(pg_catalog.=) p_name and s.value operator(pg_catalog.~) '^[0-9]{1,9}$'), p_default)
$function$;
