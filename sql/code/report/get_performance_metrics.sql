-- Durations and failures of the last 24 hours by tenant and type, for what the caller may see.
create or replace function script_tracking.get_performance_metrics()
returns table (
  tenant text, script_type varchar, executions_24h bigint, failures_24h bigint, failure_ratio double precision,
  average_seconds double precision, p50_seconds double precision, p95_seconds double precision,
  p99_seconds double precision, max_seconds double precision)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select t.tenant_bk::text, s.script_type, count(*),
    count(*) filter (where s.execution_status in ('FAILED', 'INTERRUPTED')),
    count(*) filter (where s.execution_status in ('FAILED', 'INTERRUPTED'))::double precision / count(*),
    avg(d.seconds),
    percentile_cont(0.5) within group (order by d.seconds),
    percentile_cont(0.95) within group (order by d.seconds),
    percentile_cont(0.99) within group (order by d.seconds),
    max(d.seconds)
  from script_tracking.script_execution_s as s
  join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
  cross join lateral (
    select coalesce((s.metadata ->> 'duration_us')::double precision / 1000000,
                    s.execution_duration_ms::double precision / 1000) as seconds) as d
  where s.load_end_date is null and s.execution_status <> 'RUNNING'
    and s.execution_timestamp >= now() - interval '24 hours'
  group by 1, 2
  order by 1, 2
$function$;
comment on function script_tracking.get_performance_metrics() is
  'Executions begun in the last 24 hours and ended, by tenant and type: counts, failure ratio (0 to 1), durations in seconds';
