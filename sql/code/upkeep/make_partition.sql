-- requires: upkeep/partitioned_tables.sql, upkeep/protect_partition.sql
-- Makes the table of a partition, for attach_partition() to attach: nobody waits for what is done here.
create or replace function script_tracking_internal.make_partition(p_relation name, p_suffix text)
returns regclass
language plpgsql volatile
as $function$
declare
  v_partition text := pg_catalog.format('script_tracking_internal.%I', p_relation || p_suffix);
begin
  execute pg_catalog.format('create table %s (like script_tracking.%I including all)', v_partition, p_relation);
  perform script_tracking_internal.protect_partition(v_partition::regclass, t.append_only)
  from script_tracking_internal.partitioned_tables() as t where t.relation = p_relation;
  return v_partition;
end
$function$;
