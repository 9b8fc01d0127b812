-- requires: capture/guard_marks.sql
-- What is not as it was noted: changed, made anew or gone. No row where nothing was noted yet.
create or replace function script_tracking_internal.changed_guards()
returns table (kind text, name text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  with found as materialized (select m.kind || ' ' || m.name as key, m.mark from script_tracking_internal.guard_marks() as m)
  select split_part(k.key, ' ', 1), substring(k.key from position(' ' in k.key) + 1)
  from script_tracking_internal.capture_state as s
  cross join lateral (
    select coalesce(n.key, f.key) as key
    from jsonb_each_text(s.guards_noted) as n (key, mark) full join found as f on f.key = n.key
    where f.mark is distinct from n.mark) as k
  where s.guards_noted is not null
$function$;
