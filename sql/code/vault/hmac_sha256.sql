-- HMAC-SHA256 (RFC 2104) with its key given as the two padded keys of 64 bytes each.
-- One expression, each argument used once: so it is inlined where it is called.
create or replace function script_tracking_internal.hmac_sha256(p_inner_key bytea, p_outer_key bytea, p_message bytea)
returns bytea
language sql immutable parallel safe
as $function$
  select pg_catalog.sha256(p_outer_key operator(pg_catalog.||)
    pg_catalog.sha256(p_inner_key operator(pg_catalog.||) p_message))
$function$;
