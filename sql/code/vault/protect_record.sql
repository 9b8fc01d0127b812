-- Trigger: refuses every change of the record but the one that ends a version (see the triggers' WHEN).
create or replace function script_tracking_internal.protect_record()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
  raise exception using
    errcode = 'ST001',
    message = format('%s on %I.%I refused: the record is append-only', tg_op, tg_table_schema, tg_table_name),
    hint = 'Rows go only with their whole partition, by script_tracking.cleanup_old_data().';
end
$function$;
