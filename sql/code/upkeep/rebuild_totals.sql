-- requires: upkeep/final_version.sql
-- Builds the totals anew: what removed partitions carried plus every row below the horizon or of an earlier
-- incarnation, whose transactions have all ended.
create or replace function script_tracking_internal.rebuild_totals()
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_to xid8;
begin
  perform from script_tracking_internal.rollup_state for update;
  v_to := pg_snapshot_xmin(pg_current_snapshot());
  delete from script_tracking_internal.operation_total;
  insert into script_tracking_internal.operation_total
    (tenant_hk, script_type, status, error_class, bucket, operations, duration_us, tracking_us)
  select u.tenant_hk, u.script_type, u.status, u.error_class, u.bucket,
    sum(u.operations), sum(u.duration_us), sum(u.tracking_us)
  from (
    select c.tenant_hk, c.script_type, c.status, c.error_class, c.bucket, c.operations, c.duration_us, c.tracking_us
    from script_tracking_internal.operation_total_carried as c
    union all
    select f.tenant_hk, f.script_type, f.status, f.error_class, f.bucket, 1, f.duration_us, f.tracking_us
    from script_tracking_internal.final_version as f
    where f.xid < v_to or f.incarnation < (select i.incarnation from script_tracking_internal.installation as i)
  ) as u
  group by 1, 2, 3, 4, 5;
  update script_tracking_internal.rollup_state set horizon = v_to, rolled_up_at = clock_timestamp();
end
$function$;
