-- requires: retention/has_judgements_since.sql
-- Whether a partition of the satellite, with its bounds, cannot go yet: the totals lack a row of it, an operation that
-- began in it runs, or it was judged by a transaction of which an archive cannot tell by the horizon whether it holds that. By index.
create or replace function script_tracking_internal.is_partition_in_use(
  p_partition regclass, p_lower timestamptz, p_upper timestamptz)
returns boolean
language plpgsql volatile
as $function$
declare
  v_found boolean;
begin
  if exists (
    select from script_tracking_internal.running_operation as o
    where o.execution_timestamp >= p_lower and o.execution_timestamp < p_upper)
  then
    return true;
  end if;
  execute pg_catalog.format(
    'select exists (select from %s as s where s.execution_status <> ''RUNNING'' and s.xid >= $1 and s.incarnation = $2)', p_partition)
  into v_found
  using (select r.horizon from script_tracking_internal.rollup_state as r),
    (select i.incarnation from script_tracking_internal.installation as i);
  return v_found or script_tracking_internal.has_judgements_since(p_lower, p_upper, pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()));
end
$function$;
