-- The content of a logical message as pgoutput hands it out; NULL for anything that is not one of our prefix: 'M', flags
-- (1: transactional), position (8 bytes), prefix ending in a zero byte, length (4), content.
-- Empty, which authenticates nothing, where it is part of a transaction or longer than any of ours: a start holds 8,192
-- characters of statements and 3,000 of claims, each of at most 6 bytes.
create or replace function script_tracking_internal.parse_message(p_data bytea)
returns bytea
language sql immutable strict parallel safe
as $function$
  select case
    when pg_catalog.get_byte(p_data, 0) = 77
      and pg_catalog.substring(p_data, 11, 16) = '\x7363726970745f747261636b696e6700'::bytea  -- script_tracking
    then case when pg_catalog.get_byte(p_data, 1) & 1 = 0 and pg_catalog.octet_length(p_data) <= 131072
      then pg_catalog.substring(p_data, 31) else '' end end
$function$;
