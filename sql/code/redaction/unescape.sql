-- What the escapes of E'..' (e) or U&'..' (u) stand for, to judge it; '?' for what is not ASCII. Never raises.
create or replace function script_tracking_internal.unescape(p_text text, p_mode "char")
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
  if strpos(p_text, chr(92)) = 0 then
    return p_text;
  end if;
  return (
    select coalesce(string_agg(
        case
          when m.piece not like e'\\\\%' then m.piece
          when d.code is null then case substr(m.piece, 2, 1)
            when 'n' then e'\n' when 't' then e'\t' when 'r' then e'\r' when 'f' then e'\f' when 'b' then e'\b'
            else substr(m.piece, 2, 1) end
          when d.code between 1 and 127 then chr(d.code)
          else '?' end, '' order by m.position), '')
    from (
      select p.piece[1] as piece, p.position
      from regexp_matches(p_text collate "C", case p_mode
        when 'e' then e'\\\\(?:x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^0-7xuU]|.)?|[^\\\\]+'
        else e'\\\\(?:[0-9A-Fa-f]{4}|[+][0-9A-Fa-f]{6}|.)?|[^\\\\]+' end, 'g') with ordinality as p (piece, position)
    ) as m
    cross join lateral (select case
      when p_mode = 'e' and m.piece ~ e'^\\\\[0-7]' then
        (select sum(o.digit::integer * case o.place when 1 then 1 when 2 then 8 else 64 end)::integer
         from regexp_split_to_table(reverse(substr(m.piece, 2)), '') with ordinality as o (digit, place)) % 256
      when m.piece ~ e'^\\\\[xuU+0-9A-Fa-f][0-9A-Fa-f]' then
        ('x' || right('00000000' || translate(substr(m.piece, 2), 'xuU+', ''), 8))::bit(32)::integer
      end as code) as d);
end
$function$;
