-- requires: upkeep/operation_totals.sql
-- For the daemon: cumulative histogram of durations by tenant and type.
create or replace function script_tracking_internal.collect_operation_durations()
returns table (tenant text, script_type text, le double precision, operations_bucket bigint, duration_seconds_sum double precision)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with totals as materialized (select * from script_tracking_internal.operation_totals()),
  series as (select o.tenant_hk, o.script_type, sum(o.duration_us) / 1000000 as seconds from totals as o group by 1, 2)
  select t.tenant_bk, s.script_type, b.le,
    coalesce((select sum(o.operations) from totals as o
      where o.tenant_hk = s.tenant_hk and o.script_type = s.script_type and o.bucket <= b.bucket), 0)::bigint,
    s.seconds::double precision
  from series as s
  join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
  cross join (
    select u.bound::double precision / 1000000 as le, u.bucket
    from unnest(script_tracking_internal.duration_bounds()) with ordinality as u (bound, bucket)
    union all
    select 'Infinity', cardinality(script_tracking_internal.duration_bounds()) + 1) as b
  order by 1, 2, 3
$function$;
