-- requires: upkeep/vault_partition.sql
-- Whether DDL of a past period was judged, in this incarnation, by a transaction that is not below p_horizon. By index.
create or replace function script_tracking_internal.has_judgements_since(p_lower timestamptz, p_upper timestamptz, p_horizon xid8)
returns boolean
language plpgsql volatile
as $function$
declare
  v_partition regclass := (
    select p.partition from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_change_s' and p.lower_bound = p_lower and p.upper_bound = p_upper);
  v_found     boolean := false;
begin
  if v_partition is not null then
    execute pg_catalog.format('select exists (select from %s as j where j.xid >= $1 and j.incarnation = $2)', v_partition)
    into v_found using p_horizon, (select i.incarnation from script_tracking_internal.installation as i);
  end if;
  return v_found;
end
$function$;
