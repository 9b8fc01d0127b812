-- The identifiers that stand in a statement, as the catalog has them. For a choice between what the catalog offers only:
-- comments and literals count as well.
create or replace function script_tracking_internal.named_in(p_statement text)
returns text[]
language sql immutable
as $function$
  select coalesce(pg_catalog.array_agg(distinct case when m.word[1] like '"%'
      then pg_catalog.replace(pg_catalog.substr(m.word[1], 2, pg_catalog.length(m.word[1]) - 2), '""', '"')
      else pg_catalog.lower(m.word[1]) end), '{}')
  from pg_catalog.regexp_matches(pg_catalog.left(p_statement, 100000), '"(?:[^"]|"")+"|[^][\s"''.,;:()+*/<>=~!@#%^&|`?-]+', 'g') as m (word)
$function$;
