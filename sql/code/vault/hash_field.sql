-- One field of a hashed record: its length in UTF-8 bytes, a colon, the text; a lone hyphen for NULL.
-- The length makes two different field lists never hash the same text.
-- Stable as convert_to is: declared immutable it could not be inlined.
create or replace function script_tracking_internal.hash_field(p_value text)
returns text
language sql stable parallel safe
as $function$
  select case when p_value is null then '-'
    else pg_catalog.octet_length(pg_catalog.convert_to(p_value, 'UTF8'))::text || ':' || p_value end
$function$;
