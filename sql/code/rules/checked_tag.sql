-- A command tag as event triggers tell it, such as CREATE TABLE; NULL stays NULL and stands for any.
create or replace function script_tracking_internal.checked_tag(p_tag text)
returns text
language plpgsql immutable
as $function$
begin
  if p_tag is not null and not pg_catalog.upper(p_tag) operator(pg_catalog.~) '^[A-Z]+( [A-Z]+)*$' then
    raise exception using errcode = 'ST003',
      message = pg_catalog.format('%L is no command tag: name one such as CREATE TABLE, or NULL for any', p_tag);
  end if;
  return pg_catalog.upper(p_tag);
end
$function$;
