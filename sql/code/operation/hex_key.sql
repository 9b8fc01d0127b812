-- A key as JSON carries it: hexadecimal, with or without bytea's prefix. NULL for what is no such text.
create or replace function script_tracking_internal.hex_key(p_text text)
returns bytea
language sql immutable parallel safe
as $function$
  -- the prefix is spelled without a backslash: a session may have switched standard_conforming_strings off
  select case when h.digits ~ '^([0-9a-f]{2})+$' then pg_catalog.decode(h.digits, 'hex') end
  from (select pg_catalog.replace(pg_catalog.lower(p_text collate "C"), pg_catalog.chr(92) || 'x', '')) as h (digits)
$function$;
