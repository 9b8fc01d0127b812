-- requires: retention/archived_partition.sql, upkeep/partitioned_tables.sql, retention/has_judgements_since.sql
-- Whether a partition of the satellite, with its bounds, is archived and those of hub and judgements with it, and neither a version
-- nor a judgement was written to them since. By index: remove_partitions() counts the rows as well.
create or replace function script_tracking_internal.is_archived(p_partition regclass, p_lower timestamptz, p_upper timestamptz)
returns boolean
language plpgsql volatile
as $function$
declare
  v_archive record;
  v_found   boolean;
begin
  if exists (
    select from script_tracking_internal.partitioned_tables() as t
    where t.append_only and not exists (
      select from script_tracking_internal.archived_partition as a
      where a.relation = t.relation and a.lower_bound = p_lower and a.upper_bound = p_upper))
  then
    return false;
  end if;
  select a.* into v_archive from script_tracking_internal.archived_partition as a
  where a.relation = 'script_execution_s' and a.lower_bound = p_lower and a.upper_bound = p_upper;
  execute pg_catalog.format(
    'select exists (select from %s as s where s.execution_status <> ''RUNNING'' and s.xid >= $1 and s.incarnation in (0, $2))', p_partition)
  into v_found using v_archive.horizon, v_archive.incarnation;
  return not v_found and not script_tracking_internal.has_judgements_since(p_lower, p_upper, v_archive.horizon);
end
$function$;
