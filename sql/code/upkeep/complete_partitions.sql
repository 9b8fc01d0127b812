-- requires: upkeep/vault_partition.sql, upkeep/make_partition.sql, upkeep/attach_partition.sql, reconcile/settle_guards.sql
-- Gives every partitioned table the partitions that script_execution_s has and it lacks, as a new table does. Returns how
-- many were made.
create or replace function script_tracking_internal.complete_partitions()
returns integer
language plpgsql volatile
as $function$
declare
  v_missing record;
  v_made    integer := 0;
begin
  for v_missing in
    select t.relation, p.lower_bound, p.upper_bound, pg_catalog.substr(p.partition_name::text, 19) as suffix
    from script_tracking_internal.partitioned_tables() as t
    join script_tracking_internal.vault_partition as p on p.relation = 'script_execution_s'
    where not exists (
      select from script_tracking_internal.vault_partition as o
      where o.relation = t.relation and o.lower_bound = p.lower_bound)
    order by t.place, p.lower_bound
  loop
    perform script_tracking_internal.attach_partition(v_missing.relation,
      script_tracking_internal.make_partition(v_missing.relation, v_missing.suffix),
      v_missing.lower_bound, v_missing.upper_bound);
    v_made := v_made + 1;
  end loop;
  if v_made > 0 then
    perform script_tracking_internal.settle_guards(1259);
  end if;
  return v_made;
end
$function$;
