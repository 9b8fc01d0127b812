-- requires: vault/hmac_sha256.sql
-- What a payload in the write-ahead log must be preceded by to count as the event triggers' own: 64 hexadecimal digits.
create or replace function script_tracking_internal.message_mac(p_payload text)
returns text
language sql stable
as $function$
  select pg_catalog.encode(script_tracking_internal.hmac_sha256(
    i.message_inner_key, i.message_outer_key, pg_catalog.convert_to(p_payload, 'UTF8')), 'hex')
  from script_tracking_internal.installation as i
$function$;
