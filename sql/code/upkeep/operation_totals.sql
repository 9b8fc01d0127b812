-- requires: upkeep/final_version.sql
-- Totals as of now, in one statement and so one snapshot: what is rolled up plus the visible rows past the horizon.
create or replace function script_tracking_internal.operation_totals()
returns table (tenant_hk bytea, script_type varchar, status varchar, error_class text, bucket smallint,
  operations bigint, duration_us numeric, tracking_us numeric)
language sql stable
as $function$
  select u.tenant_hk, u.script_type, u.status, u.error_class, u.bucket,
    pg_catalog.sum(u.operations)::bigint, pg_catalog.sum(u.duration_us), pg_catalog.sum(u.tracking_us)
  from (
    select t.tenant_hk, t.script_type, t.status, t.error_class, t.bucket, t.operations, t.duration_us, t.tracking_us
    from script_tracking_internal.operation_total as t
    union all
    select f.tenant_hk, f.script_type, f.status, f.error_class, f.bucket, 1, f.duration_us, f.tracking_us
    from script_tracking_internal.final_version as f
    where f.xid operator(pg_catalog.>=) (select r.horizon from script_tracking_internal.rollup_state as r)
      and f.incarnation = (select i.incarnation from script_tracking_internal.installation as i)
  ) as u
  group by 1, 2, 3, 4, 5
$function$;
