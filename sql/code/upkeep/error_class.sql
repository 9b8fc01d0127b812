-- Error class of a final version: the SQLSTATE's first two characters, unknown without one, empty where nothing failed.
create or replace function script_tracking_internal.error_class(p_status varchar, p_metadata jsonb)
returns text
language sql immutable parallel safe
as $function$
  select case when p_status not in ('FAILED', 'INTERRUPTED') then ''
    when p_metadata ->> 'sqlstate' operator(pg_catalog.~) '^[0-9A-Z]{5}$' then pg_catalog.left(p_metadata ->> 'sqlstate', 2)
    else 'unknown' end
$function$;
