-- Hash key of a business key: sha256 of its UTF-8 bytes, nothing trimmed or folded.
create or replace function script_tracking.calculate_hash_key(business_key varchar)
returns bytea
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
  select sha256(convert_to(calculate_hash_key.business_key, 'UTF8'))
$function$;
comment on function script_tracking.calculate_hash_key(varchar) is
  'Hash key (32 bytes) of a business key: sha256 of its UTF-8 bytes; NULL for NULL';
