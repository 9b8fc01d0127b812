-- The innermost statement, where it is not the client's own, out of PostgreSQL's context lines: NULL where they do not
-- say it. Evidence and never authority: a name may look like such a line, and the words follow lc_messages.
-- p_context: PG_CONTEXT of an event trigger function, whose own line is the first.
create or replace function script_tracking_internal.real_statement(p_context text)
returns text
language plpgsql immutable
as $function$
declare
  v_context text := pg_catalog.substr(p_context, pg_catalog.strpos(p_context, e'\n') + 1);
  v_end     integer;
begin
  if not pg_catalog.starts_with(v_context, 'SQL statement "') then
    return null;
  end if;
  v_end := pg_catalog.strpos(v_context, e'"\n');
  -- a statement may hold such a line end itself: what follows the real one is a context line
  while v_end > 0 and pg_catalog.substr(v_context, v_end + 2, 40)
    !~ '^(PL/pgSQL function|SQL function|SQL statement "|extension script file|PL/|while )'
  loop
    v_end := case when pg_catalog.strpos(pg_catalog.substr(v_context, v_end + 1), e'"\n') > 0
      then v_end + pg_catalog.strpos(pg_catalog.substr(v_context, v_end + 1), e'"\n') else 0 end;
  end loop;
  return case when v_end > 0 then pg_catalog.substr(v_context, 16, v_end - 16)
    else pg_catalog.rtrim(pg_catalog.substr(v_context, 16), '"') end;
end
$function$;
