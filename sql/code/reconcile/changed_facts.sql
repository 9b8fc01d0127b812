-- Facts of one list that another lacks, in their order.
create or replace function script_tracking_internal.changed_facts(p_of text[], p_against text[])
returns text[]
language sql immutable parallel safe
as $function$
  select array(
    select f.fact from pg_catalog.unnest(p_of) with ordinality as f (fact, place)
    where f.fact <> all (coalesce(p_against, '{}')) order by f.place)
$function$;
