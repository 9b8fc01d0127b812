-- Is what an option of a server, wrapper, user mapping or foreign table is set to no secret?
create or replace function script_tracking_internal.shows_option(p_name text)
returns boolean
language sql immutable parallel safe
as $function$
  select p_name operator(pg_catalog.=) any (array['host', 'hostaddr', 'port', 'dbname', 'schema_name', 'table_name', 'column_name',
    'fetch_size', 'batch_size', 'password_required', 'use_remote_estimate', 'updatable', 'truncatable', 'async_capable', 'sslmode', 'format',
    'header', 'delimiter', 'connect_timeout', 'extensions', 'fdw_startup_cost', 'fdw_tuple_cost', 'import_default'])
$function$;
