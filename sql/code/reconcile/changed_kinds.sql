-- requires: reconcile/changed_facts.sql
-- In what two definitions differ: the first words of the facts, such as column, owner, grant, query; order where they hold
-- the same facts in another order.
create or replace function script_tracking_internal.changed_kinds(p_before text[], p_after text[])
returns text[]
language sql immutable parallel safe
as $function$
  select coalesce(nullif(array(
    select distinct coalesce(substring(f.fact from '^(?:grant column|[a-z]+)'), f.fact)
    from pg_catalog.unnest(script_tracking_internal.changed_facts(p_before, p_after)
      || script_tracking_internal.changed_facts(p_after, p_before)) as f (fact)), '{}'), '{order}')
$function$;
