-- The name under which executions of a script are counted together: without what makes it unique for one run, a time
-- with random bits as generate_unique_script_name() appends, or a UUID; cut at 200 characters.
create or replace function script_tracking_internal.script_label(p_script_name varchar)
returns text
language sql immutable parallel safe
as $function$
  select case when pg_catalog.length(p_script_name) operator(pg_catalog.<) 32 then p_script_name
    else pg_catalog.left(coalesce(nullif(pg_catalog.regexp_replace(p_script_name,
      '(_\d{8}T\d{6}(\.\d{1,6})?Z)?[_-]?([0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$', ''), ''), '-'), 200) end
$function$;
