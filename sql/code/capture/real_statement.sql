-- The innermost statement, where it is not the client's own, out of PostgreSQL's context lines: NULL where they do not
-- say it. Evidence and never authority: a name may look like such a line, and the words follow lc_messages.
-- p_context: PG_CONTEXT of an event trigger function, whose own line is the first.
create or replace function script_tracking_internal.real_statement(p_context text)
returns text
language plpgsql immutable
as $function$
declare
  v_context text := pg_catalog.substr(p_context, pg_catalog.strpos(p_context, e'\n') + 1);
begin
  if not pg_catalog.starts_with(v_context, 'SQL statement "') then
    return null;
  end if;
  -- A statement may hold such a line end itself: what follows the real one is a context line. One search without parentheses
  -- that remember, which would take the square of the time; a regular expression needs four bytes of memory for each character.
  return case when pg_catalog.length(v_context) <= 10000000 then coalesce(
    pg_catalog.substr(pg_catalog.substring(v_context,
      e'^SQL statement ".*?(?="\n(?:PL/|SQL function|SQL statement "|extension script file|while ))'), 16),
    pg_catalog.rtrim(pg_catalog.substr(v_context, 16), '"')) end;
end
$function$;
