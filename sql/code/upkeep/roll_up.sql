-- requires: upkeep/final_version.sql
-- Moves the totals up to the transaction horizon: every transaction below pg_snapshot_xmin has ended, so its rows are
-- visible or will never be. Returns the number of versions added. Idempotent; one at a time by the row lock.
create or replace function script_tracking_internal.roll_up()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_from  xid8;
  v_to    xid8;
  v_added bigint;
begin
  select r.horizon into strict v_from from script_tracking_internal.rollup_state as r for update;
  v_to := pg_snapshot_xmin(pg_current_snapshot());
  if v_to <= v_from then
    return 0;
  end if;
  with added as (
    select f.tenant_hk, f.script_type, f.status, f.error_class, f.bucket,
      count(*) as operations, sum(f.duration_us) as duration_us, sum(f.tracking_us) as tracking_us
    from script_tracking_internal.final_version as f
    where f.xid >= v_from and f.xid < v_to
      and f.incarnation = (select i.incarnation from script_tracking_internal.installation as i)
    group by 1, 2, 3, 4, 5
  ), merged as (
    insert into script_tracking_internal.operation_total as t
      (tenant_hk, script_type, status, error_class, bucket, operations, duration_us, tracking_us)
    select a.tenant_hk, a.script_type, a.status, a.error_class, a.bucket, a.operations, a.duration_us, a.tracking_us
    from added as a
    on conflict (tenant_hk, script_type, status, error_class, bucket) do update
    set operations = t.operations + excluded.operations,
        duration_us = t.duration_us + excluded.duration_us,
        tracking_us = t.tracking_us + excluded.tracking_us
  )
  select coalesce(sum(a.operations), 0) into v_added from added as a;
  if v_added > 0 or v_to::text::numeric - v_from::text::numeric > 1000 then
    update script_tracking_internal.rollup_state set horizon = v_to, rolled_up_at = clock_timestamp();
  end if;
  return v_added;
end
$function$;
