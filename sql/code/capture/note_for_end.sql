-- requires: capture/state_mac.sql
-- Keeps, in session state, what an event trigger knows of a statement for ddl_command_end, which writes its one record:
-- a JSON array, authenticated, after what was noted for the same statement before. An entry a line, the newest first:
-- other people's event triggers may run DDL of their own before the statement around them ends.
create or replace function script_tracking_internal.note_for_end(p_items text)
returns void
language plpgsql volatile
as $function$
declare
  v_attempts text := pg_catalog.current_setting('script_tracking_internal.attempts', true);
  v_noted    text := pg_catalog.current_setting('script_tracking_internal.dropped', true);
  v_key      bytea;
  v_newest   text;
begin
  select i.state_key into strict v_key from script_tracking_internal.installation as i;
  if v_noted <> '' then
    v_newest := pg_catalog.split_part(v_noted, e'\n', 1);
    if pg_catalog.left(v_newest, 64)
      = script_tracking_internal.state_mac(v_key, v_attempts, pg_catalog.substr(v_newest, 65))
    then
      p_items := (pg_catalog.substr(v_newest, 65)::jsonb || p_items::jsonb)::text;
      v_noted := pg_catalog.substr(v_noted, pg_catalog.length(v_newest) + 2);
    end if;
  end if;
  v_noted := pg_catalog.set_config('script_tracking_internal.dropped', pg_catalog.concat_ws(e'\n',
    script_tracking_internal.state_mac(v_key, v_attempts, p_items) || p_items, nullif(v_noted, '')), false);
end
$function$;
