-- requires: capture/guard_marks.sql
-- For whoever has just made them: the event triggers, and what tells tenants apart, are right as they now stand.
create or replace function script_tracking_internal.note_guards()
returns void
language sql volatile
as $function$
  update script_tracking_internal.capture_state as s
  set guards_noted = (select pg_catalog.jsonb_object_agg(m.kind || ' ' || m.name, m.mark) from script_tracking_internal.guard_marks() as m)
$function$;
