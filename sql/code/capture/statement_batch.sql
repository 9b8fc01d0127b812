-- Names the client's message under way: all statements of one string share it, and session state that does not begin
-- with it is left over from an earlier one. Nobody but the server sets it.
-- Microseconds since 1970 and the process: seconds have six decimals always, and a point is taken out quicker than multiplied away.
-- One expression: so it is inlined where it is called.
create or replace function script_tracking_internal.statement_batch()
returns text
language sql stable parallel restricted
as $function$
  select pg_catalog.concat(
    pg_catalog.replace(extract(epoch from pg_catalog.statement_timestamp())::text, '.', ''), '-', pg_catalog.pg_backend_pid())
$function$;
