-- requires: capture/state_mac.sql
-- Keeps, in session state, what an event trigger knows of a statement for ddl_command_end, which writes its one record:
-- a JSON array, authenticated, after what was noted for the same statement before. An entry a line, the newest first:
-- other people's event triggers may run DDL of their own before the statement around them ends.
create or replace function script_tracking_internal.note_for_end(p_items jsonb)
returns void
language plpgsql volatile
as $function$
declare
  v_attempts text := coalesce(pg_catalog.current_setting('script_tracking_internal.attempts', true), '');
  v_noted    text := coalesce(pg_catalog.current_setting('script_tracking_internal.dropped', true), '');
  v_newest   text := pg_catalog.split_part(v_noted, e'\n', 1);
  v_items    text := p_items::text;
begin
  if v_newest <> ''
    and pg_catalog.left(v_newest, 64) = script_tracking_internal.state_mac(v_attempts, pg_catalog.substr(v_newest, 65))
  then
    v_items := (pg_catalog.substr(v_newest, 65)::jsonb || p_items)::text;
    v_noted := pg_catalog.substr(v_noted, pg_catalog.length(v_newest) + 2);
  end if;
  v_noted := pg_catalog.set_config('script_tracking_internal.dropped',
    pg_catalog.concat_ws(e'\n', script_tracking_internal.state_mac(v_attempts, v_items) || v_items, nullif(v_noted, '')), false);
end
$function$;
