-- Mark of the client statement under way: session state that does not begin with it is left over from an earlier one.
create or replace function script_tracking_internal.statement_mark()
returns text
language sql stable parallel safe
as $function$
  select (extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint::text || ';'
$function$;
