-- Names the client's message under way: all statements of one string share it, and session state that does not begin
-- with it is left over from an earlier one. Nobody but the server sets it.
-- One expression: so it is inlined where it is called.
create or replace function script_tracking_internal.statement_batch()
returns text
language sql stable parallel restricted
as $function$
  select (extract(epoch from pg_catalog.statement_timestamp()) operator(pg_catalog.*) 1000000)::bigint::text
    operator(pg_catalog.||) '-' operator(pg_catalog.||) pg_catalog.pg_backend_pid()::text
$function$;
