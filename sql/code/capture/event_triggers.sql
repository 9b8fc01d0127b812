-- The tracker's event triggers: the one place in the database that knows their names, events and functions.
-- sql/queries/schema.sql names them again for verify and uninstall, which must work where this function is gone.
create or replace function script_tracking_internal.event_triggers()
returns table (name name, event text, function name)
language sql immutable parallel safe
as $function$
  values ('et_ddl_command_start'::name, 'ddl_command_start', 'event_trigger_ddl_start'::name),
    ('et_ddl_command_end', 'ddl_command_end', 'event_trigger_ddl_end'),
    ('et_sql_drop', 'sql_drop', 'event_trigger_sql_drop'),
    ('et_table_rewrite', 'table_rewrite', 'event_trigger_table_rewrite')
$function$;
