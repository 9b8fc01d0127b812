-- The facts of a definition that stand as they were after pg_upgrade. It keeps the oids of relations, types and roles, and gives others new
-- ones; hashes of what PostgreSQL keeps as trees (defaults, conditions, queries) differ from major to major, those of texts do not.
-- MAINTAIN comes with 17, to whoever had all there was.
-- p_tree: a function whose body is such a tree (BEGIN ATOMIC). p_anew: a restored dump, in which all oids are new.
create or replace function script_tracking_internal.lasting_facts(p_facts text[], p_tree boolean, p_anew boolean)
returns text[]
language sql immutable parallel safe
as $function$
  select array(
    select case
      when f.fact ~ '^(options|password|connection|secret options|set) ' or f.fact ~ '^body ' and not p_tree then f.fact
      else pg_catalog.regexp_replace(f.fact,
        '(schema|function|tablespace' || case when p_anew then '|relation|type|role' else '' end || ')[{][^}]*[}]'
        || '|\m[0-9a-f]{32}\M|' || case when p_anew then '' else '(?<![{0-9])' end || '[0-9]{5,}| operators [{][^}]*[}]|MAINTAIN( with grant option)?, ', '\1', 'g') end
    from pg_catalog.unnest(p_facts) with ordinality as f (fact, place)
    where f.fact !~ '^transaction ' order by f.place)
$function$;
