-- requires: vault/hmac_sha256.sql
-- Emits a payload into the write-ahead log, authenticated as message_mac() says: outside of any transaction, so that it
-- stays when the user's is rolled back, and without a transaction id.
-- One expression, and what is used twice should be a variable: so it is inlined where it is called.
create or replace function script_tracking_internal.emit_message(p_inner_key bytea, p_outer_key bytea, p_payload text)
returns pg_lsn
language sql volatile
as $function$
  select pg_catalog.pg_logical_emit_message(false, 'script_tracking', pg_catalog.encode(
    script_tracking_internal.hmac_sha256(p_inner_key, p_outer_key, pg_catalog.convert_to(p_payload, 'UTF8')), 'hex')
    operator(pg_catalog.||) p_payload)
$function$;
