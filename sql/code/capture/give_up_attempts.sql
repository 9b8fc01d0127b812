-- Gives up attempts whose end may be among what was not read, or was not emitted: none of them can be judged any more.
-- Returns how many.
create or replace function script_tracking_internal.give_up_attempts(p_why text)
returns bigint
language plpgsql volatile
as $function$
declare
  v_given_up bigint;
begin
  update script_tracking_internal.attempt as a
  set verdict = 'LOST', verdict_note = p_why, judged_at = pg_catalog.clock_timestamp()
  where a.verdict is null and a.ended_at is null;
  get diagnostics v_given_up = row_count;
  return v_given_up;
end
$function$;
