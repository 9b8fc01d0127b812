-- Trigger: refuses every change of the record. With the argument 'may_end' it lets one update through: load_end_date
-- from NULL to a time, nothing else touched (*= compares the rows byte by byte).
-- Not in a WHEN of the trigger: its expression would be copied and parsed for every insert as well.
create or replace function script_tracking_internal.protect_record()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_before record;
begin
  if tg_op = 'UPDATE' and tg_nargs = 1 then
    if old.load_end_date is null and new.load_end_date >= old.load_date then
      v_before := new;
      v_before.load_end_date := null;
      if v_before *= old then
        return new;
      end if;
    end if;
  end if;
  raise exception using
    errcode = 'ST001',
    message = format('%s on %I.%I refused: the record is append-only', tg_op, tg_table_schema, tg_table_name),
    hint = 'Rows go only with their whole partition, by script_tracking.cleanup_old_data().';
end
$function$;
