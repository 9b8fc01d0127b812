-- requires: upkeep/operation_totals.sql
-- For the daemon: cumulative histogram of durations by tenant and type; of unknown durations (bucket 0) it knows nothing.
create or replace function script_tracking_internal.collect_operation_durations()
returns table (tenant text, script_type text, le double precision, operations_bucket bigint, duration_seconds_sum double precision)
language sql volatile  -- takes its snapshot once it has its locks: see operation_totals
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with counted as materialized (
    select o.tenant_hk, o.script_type, o.bucket, sum(o.operations) as operations, sum(o.duration_us) as duration_us
    from script_tracking_internal.operation_totals() as o group by 1, 2, 3
  ),
  bounds as (
    select u.bound::double precision / 1000000 as le, u.bucket
    from unnest(script_tracking_internal.duration_bounds()) with ordinality as u (bound, bucket)
    union all
    select 'Infinity', cardinality(script_tracking_internal.duration_bounds()) + 1
  )
  select t.tenant_bk, s.script_type, b.le,
    (sum(coalesce(c.operations, 0)) over (partition by s.tenant_hk, s.script_type order by b.bucket))::bigint,
    s.seconds::double precision
  from (
    select c.tenant_hk, c.script_type, sum(c.duration_us) / 1000000 as seconds from counted as c group by 1, 2) as s
  join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
  cross join bounds as b
  left join counted as c on c.tenant_hk = s.tenant_hk and c.script_type = s.script_type and c.bucket = b.bucket
  order by 1, 2, 3
$function$;
