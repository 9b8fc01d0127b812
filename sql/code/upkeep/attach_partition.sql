-- requires: upkeep/vault_partition.sql, upkeep/protect_partition.sql
-- Makes a table a partition of one of the partitioned tables, protected like the others. The caller has pinned time zone
-- and date style.
create or replace function script_tracking_internal.attach_partition(
  p_relation name, p_partition regclass, p_lower timestamptz, p_upper timestamptz)
returns void
language plpgsql volatile
as $function$
begin
  execute pg_catalog.format('alter table script_tracking.%I attach partition %s for values from (%s) to (%s)',
    p_relation, p_partition,
    case when p_lower = '-infinity' then 'minvalue' else pg_catalog.quote_literal(p_lower) end,
    case when p_upper = 'infinity' then 'maxvalue' else pg_catalog.quote_literal(p_upper) end);
  perform script_tracking_internal.protect_partition(p_partition, t.append_only)
  from script_tracking_internal.partitioned_tables() as t where t.relation = p_relation;
end
$function$;
