-- What a string of several parts, which continue one another over a newline, is as one: its value, and the number of its last part. p_at: of the
-- first. Comments may stand between.
create or replace function script_tracking_internal.joined_string(p_kinds "char"[], p_values text[], p_at integer, out joined text, out last integer)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_much  text := '';  -- in two halves, as text is copied when it grows
  v_place integer := p_at + 1;
begin
  joined := p_values[p_at];
  last := p_at;
  while p_kinds[v_place] in ('S', 'E', 'U', 'B', 'c') loop
    if p_kinds[v_place] <> 'c' then
      last := v_place;
      if length(joined) > 4000 then
        v_much := v_much || joined;
        joined := '';
      end if;
      joined := joined || p_values[v_place];
    end if;
    v_place := v_place + 1;
  end loop;
  joined := v_much || joined;
end
$function$;
