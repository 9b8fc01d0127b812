-- requires: capture/capture_lock.sql
-- Whether the caller may now read, judge, merge or compare, until its transaction ends: one reader of capture at a time,
-- since all of them change attempts and records. Who does not get the turn comes again: nobody waits here, and nobody is
-- made to wait. An advisory lock would be anybody's to hold; this one only the owner's functions can take.
create or replace function script_tracking_internal.lock_capture()
returns boolean
language plpgsql volatile
as $function$
begin
  lock table script_tracking_internal.capture_lock in share update exclusive mode nowait;
  return true;
exception when lock_not_available then
  return false;
end
$function$;
