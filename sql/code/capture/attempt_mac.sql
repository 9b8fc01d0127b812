-- Ties an attempt in session state to its client message and to the attempt around it: anybody can write the state, but
-- only the event triggers know the key. 32 hexadecimal digits.
-- One expression, each argument used once, and no less volatile than what it calls: so it is inlined where it is called.
create or replace function script_tracking_internal.attempt_mac(p_key bytea, p_batch text, p_outer text, p_attempt text)
returns text
language sql stable parallel safe
as $function$
  select pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(p_key operator(pg_catalog.||)
    pg_catalog.convert_to(pg_catalog.concat(p_batch, ',', p_outer, ',', p_attempt), 'UTF8')), 'hex'), 32)
$function$;
