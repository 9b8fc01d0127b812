-- The content of a logical message as pgoutput hands it out; NULL for anything that is not one of our prefix, or is part
-- of a transaction: 'M', flags (1: transactional), position (8 bytes), prefix ending in a zero byte, length (4), content.
create or replace function script_tracking_internal.parse_message(p_data bytea)
returns bytea
language sql immutable strict parallel safe
as $function$
  select case
    when pg_catalog.get_byte(p_data, 0) = 77 and pg_catalog.get_byte(p_data, 1) & 1 = 0
      and pg_catalog.substring(p_data, 11, 16) = '\x7363726970745f747261636b696e6700'::bytea  -- script_tracking
    then pg_catalog.substring(p_data, 31) end
$function$;
