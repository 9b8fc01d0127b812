-- requires: capture/log_fault.sql
-- The noise rule that keeps a DDL statement out of the record, NULL where there is none. Of a statement that failed the
-- objects are not known (NULL): only a rule that names no schema can match.
-- A rule matches what it names precisely: every object is in its schema; its role logged in and acts as nobody else; a
-- superuser's DDL only by a rule that names the superuser, and only where its objects are told. No rule matches DDL on
-- the tracker, nor more objects than the record would tell.
-- What goes wrong in here hides nothing.
create or replace function script_tracking_internal.matching_noise_rule(
  p_tag text, p_user name, p_role name, p_objects jsonb, p_sql text)
returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_superuser boolean;
  v_rule      bigint;
begin
  v_superuser := coalesce((select bool_or(r.rolsuper) from pg_roles as r where r.rolname in (p_user, p_role)), true);
  if jsonb_array_length(p_objects) >= 1000
    or exists (
      select from jsonb_array_elements(p_objects) as o
      where o.value ->> 'schema' in ('script_tracking', 'script_tracking_internal')
        or o.value ->> 'name' ~ '[[:<:]]script_tracking')
    or (
      -- GRANT and REVOKE do not tell the triggers what they are about
      (p_objects is null or exists (
        select from jsonb_array_elements(p_objects) as o where o.value ->> 'name' is null))
      -- of what is withheld or cut off nobody knows what it was about
      and (v_superuser or coalesce(p_sql like '[withheld:%' or strpos(lower(p_sql), 'script_tracking') > 0, true)))
  then
    return null;
  end if;
  select min(n.rule_id) into v_rule
  from script_tracking_internal.noise_rule as n
  where (n.tag is null or n.tag = p_tag)
    and case when n.role is null then not v_superuser
      else n.role = to_regrole(quote_ident(p_user)) and p_role = p_user end
    and (n.schema_name is null or (p_objects is not null and not exists (
      select from jsonb_array_elements(p_objects) as o where o.value ->> 'schema' is distinct from n.schema_name::text)));
  return v_rule;
exception when others then
  perform script_tracking_internal.log_fault(concat('noise rules not applied to ', p_tag), sqlstate, sqlerrm);
  return null;
end
$function$;
