-- The partitioned tables: a further one takes a line here, one in sql/queries/verify.sql where it is append-only, and
-- nothing else. Its migration makes the table alone; the installer's last step gives it the partitions that
-- script_execution_s has. In the order in which writers lock them. append_only: it is the record itself, has
-- the protect_ triggers of vault/protect_tables.sql, is read by policies and is archived.
create or replace function script_tracking_internal.partitioned_tables()
returns table (place integer, relation name, time_column name, append_only boolean)
language sql immutable
as $function$
  values
    (1, 'script_execution_h'::name, 'load_date'::name, true),
    (2, 'script_execution_s', 'execution_timestamp', true),
    (3, 'script_execution_object', 'execution_timestamp', false),
    (4, 'script_execution_parent', 'execution_timestamp', false),
    (5, 'script_execution_change_s', 'execution_timestamp', true)
$function$;
