-- requires: upkeep/roll_up_slice.sql
-- Moves totals and roll-ups up to the transaction horizon, in one transaction; the daemon does it by slices. Returns the
-- number of versions added.
create or replace function script_tracking_internal.roll_up()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_slice record;
  v_added bigint := 0;
begin
  loop
    select s.added, s.more into strict v_slice from script_tracking_internal.roll_up_slice() as s;
    v_added := v_added + v_slice.added;
    exit when not v_slice.more;
  end loop;
  return v_added;
end
$function$;
