-- requires: capture/state_mac.sql
-- Keeps, in session state, what an event trigger knows of a statement for ddl_command_end, which writes its one record:
-- a JSON array, authenticated, after what was noted for the same statement before.
create or replace function script_tracking_internal.note_for_end(p_items jsonb)
returns void
language plpgsql volatile
as $function$
declare
  v_attempts text := coalesce(pg_catalog.current_setting('script_tracking_internal.attempts', true), '');
  v_noted    text := coalesce(pg_catalog.current_setting('script_tracking_internal.dropped', true), '');
  v_items    text := p_items::text;
begin
  if v_noted <> ''
    and pg_catalog.left(v_noted, 64) = script_tracking_internal.state_mac(v_attempts, pg_catalog.substr(v_noted, 65))
  then
    v_items := (pg_catalog.substr(v_noted, 65)::jsonb || p_items)::text;
  end if;
  v_noted := pg_catalog.set_config('script_tracking_internal.dropped',
    script_tracking_internal.state_mac(v_attempts, v_items) || v_items, false);
end
$function$;
