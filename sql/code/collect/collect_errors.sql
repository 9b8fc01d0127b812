-- requires: upkeep/operation_totals.sql
-- For the daemon: cumulative failures by tenant, type and SQLSTATE class; each type that a tenant has used, and DDL,
-- from zero. Beside each its newest failure of those that began in this hour or the last, as far as it is rolled up: for an exemplar.
create or replace function script_tracking_internal.collect_errors()
returns table (tenant text, script_type text, error_class text, errors_total bigint,
  last_execution_hk text, last_execution_timestamp_seconds double precision)
language sql volatile  -- takes its snapshot once it has its locks: see operation_totals
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with counted as materialized (
    select o.tenant_hk, o.script_type, o.error_class, sum(o.operations) as operations
    from script_tracking_internal.operation_totals() as o group by 1, 2, 3
  ),
  series as (
    select c.tenant_hk, c.script_type from counted as c
    union select r.tenant_hk, r.script_type from script_tracking_internal.running_operation as r
    union select t.tenant_hk, 'DDL' from script_tracking.tenant_h as t
  ),
  classes as (
    select y.tenant_hk, y.script_type, 'unknown' as error_class from series as y
    union select c.tenant_hk, c.script_type, c.error_class from counted as c where c.error_class <> ''
  ),
  recent as (
    select distinct on (e.series_id, e.sqlstate collate "C") e.series_id, e.sqlstate, e.script_execution_hk, e.last_seen_at
    from script_tracking_internal.error_seen as e
    where e.since = any (array[  -- not a range: for this the planner takes the index without statistics, too
        date_bin('1 hour', now(), timestamptz '2000-01-01 00:00+00'),
        date_bin('1 hour', now() - interval '1 hour', timestamptz '2000-01-01 00:00+00')])
      and e.errors > 0 and e.fingerprint <> 'other'  -- whose SQLSTATE nobody knows any more
    order by e.series_id, e.sqlstate collate "C", e.last_seen_at desc, e.script_execution_hk desc
  ),
  newest as (
    select distinct on (s.tenant_hk, s.script_type, k.error_class)
      s.tenant_hk, s.script_type, k.error_class, r.script_execution_hk, r.last_seen_at
    from recent as r
    join script_tracking_internal.series as s on s.series_id = r.series_id
    cross join lateral (
      select case when r.sqlstate ~ '^[0-9A-Z]{5}$' then left(r.sqlstate, 2) else 'unknown' end as error_class) as k
    order by s.tenant_hk, s.script_type, k.error_class, r.last_seen_at desc, r.script_execution_hk desc
  )
  select t.tenant_bk, y.script_type, y.error_class, coalesce(c.operations, 0)::bigint,
    encode(n.script_execution_hk, 'hex'), extract(epoch from n.last_seen_at)::double precision
  from classes as y
  join script_tracking.tenant_h as t on t.tenant_hk = y.tenant_hk
  left join counted as c
    on c.tenant_hk = y.tenant_hk and c.script_type = y.script_type and c.error_class = y.error_class
  left join newest as n
    on n.tenant_hk = y.tenant_hk and n.script_type = y.script_type and n.error_class = y.error_class
$function$;
