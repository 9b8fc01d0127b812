-- One row for each tenant that the caller may see: what happened in the last 24 hours, and a verdict on it.
create or replace function script_tracking.get_enterprise_dashboard()
returns table (
  tenant text, verdict text, operations_24h bigint, failed_24h bigint, failure_ratio_24h double precision,
  average_duration_seconds_24h double precision, running bigint, ddl_24h bigint, last_operation_at timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select t.tenant_bk::text,
    case when a.failed >= 10 and a.failed::double precision / a.operations > 0.2 then 'critical'
      when a.failed > 0 then 'warning' else 'ok' end,
    a.operations, a.failed, a.failed::double precision / nullif(a.operations, 0), a.average_seconds,
    a.running, a.ddl, a.last_at
  from script_tracking.tenant_h as t
  cross join lateral (
    select count(*) filter (where s.execution_status <> 'RUNNING') as operations,
      count(*) filter (where s.execution_status in ('FAILED', 'INTERRUPTED')) as failed,
      avg(coalesce((s.metadata ->> 'duration_us')::double precision / 1000000,
                   s.execution_duration_ms::double precision / 1000))
        filter (where s.execution_status <> 'RUNNING') as average_seconds,
      count(*) filter (where s.execution_status = 'RUNNING') as running,
      count(*) filter (where s.script_type = 'DDL') as ddl,
      max(s.execution_timestamp) as last_at
    from script_tracking.script_execution_s as s
    where s.tenant_hk = t.tenant_hk and s.load_end_date is null
      and s.execution_timestamp >= now() - interval '24 hours') as a
  order by 1
$function$;
comment on function script_tracking.get_enterprise_dashboard() is
  'One row for each tenant that the caller may see, over the last 24 hours; verdict: critical from 10 failures and a ratio over 0.2, warning from the first failure, else ok';
