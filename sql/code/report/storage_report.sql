-- requires: upkeep/vault_partition.sql, upkeep/operation_totals.sql, rollup/pending_version.sql
-- For `schema status`: what the record takes, what it grows by, what a DDL statement costs, and what it will take. NULL where it
-- cannot be told: sizes while somebody holds a table exclusively, what rests on averages before a thousand executions.
-- The growth is that of the last seven days. The forecast keeps to the present retention: what goes by then is left out, what a hold
-- keeps is not; the derived and internal tables are taken as they are.
create or replace function script_tracking_internal.storage_report()
returns table (
  vault_bytes bigint, vault_index_bytes bigint, derived_bytes bigint, internal_bytes bigint, executions bigint,
  bytes_per_execution double precision, executions_per_day double precision, growth_bytes_per_day double precision,
  ddl_statements bigint, ddl_tracking_seconds double precision, ddl_bytes double precision, retention_days integer,
  bytes_in_30_days bigint, bytes_in_90_days bigint, bytes_in_365_days bigint)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set lock_timeout = '2s'
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_period  interval := ('1 ' || (
    select s.value from script_tracking_internal.setting as s where s.name = 'partitions.interval'))::interval;
  v_rows    double precision;
  v_horizon integer;
  v_bytes   bigint[] := '{}';
begin
  select sum(pg_table_size(c.oid)) filter (where k.kind = 'vault'), sum(pg_indexes_size(c.oid)) filter (where k.kind = 'vault'),
    sum(pg_total_relation_size(c.oid)) filter (where k.kind = 'derived'),
    sum(pg_total_relation_size(c.oid)) filter (where k.kind = 'internal')
  into vault_bytes, vault_index_bytes, derived_bytes, internal_bytes
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  left join pg_inherits as i on i.inhrelid = c.oid and c.relispartition
  left join pg_class as p on p.oid = i.inhparent
  cross join lateral (select case
    when p.relname in ('script_execution_h', 'script_execution_s') then 'vault'
    when p.relname is not null or c.relname in ('series', 'operation_hour', 'duration_sketch', 'series_recent', 'script_day', 'script_top',
      'error_seen', 'operation_total', 'operation_total_carried') then 'derived'
    when n.nspname = 'script_tracking' and c.relname not like 'tenant\_%' then 'derived'
    else 'internal' end as kind) as k
  where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind = 'r';

  -- with what no roll-up has taken in yet, as the counters have it
  select coalesce(sum(t.operations), 0) - coalesce((select sum(o.operations) from script_tracking_internal.operation_total_carried as o), 0),
    coalesce(sum(t.operations) filter (where t.script_type = 'DDL'), 0),
    sum(t.tracking_us) filter (where t.script_type = 'DDL') / 1000000
      / nullif(sum(t.operations) filter (where t.script_type = 'DDL'), 0)
  into executions, ddl_statements, ddl_tracking_seconds
  from script_tracking_internal.operation_totals() as t;
  if executions >= 1000 then
    bytes_per_execution := (vault_bytes + vault_index_bytes)::double precision / executions;
  end if;

  select coalesce(sum(h.operations), 0) / greatest(extract(epoch from now() - min(h.hour)) / 86400, 1.0 / 24)
  into executions_per_day
  from (
    select o.hour, o.operations from script_tracking_internal.operation_hour as o
    union all
    select date_bin('1 hour', p.execution_timestamp, '2000-01-01 00:00+00'), 1
    from script_tracking_internal.pending_version as p where not p.revises) as h
  where h.hour >= now() - interval '7 days';
  growth_bytes_per_day := executions_per_day * bytes_per_execution;

  -- its rows as they are stored, and of the indexes the share of an execution
  select count(*), avg(pg_column_size(s.*)) into v_rows, ddl_bytes
  from (
    select s.* from script_tracking.script_execution_s as s
    where s.script_type = 'DDL' and s.execution_status <> 'RUNNING' and s.load_end_date is null limit 1000) as s;
  ddl_bytes := case when v_rows > 0 and executions >= 1000 then ddl_bytes
    + (select avg(pg_column_size(h.*)) from (select h.* from script_tracking.script_execution_h as h limit 1000) as h)
    + vault_index_bytes::double precision / executions end;

  -- the longest retention; NULL: something is kept for good
  select case when count(*) = count(r.days) and (
      select s.value = 'all' from script_tracking_internal.setting as s where s.name = 'retention.disposable')
    then max(r.days) end
  into retention_days
  from (
    select coalesce(r.days, nullif(s.value, 'none')::integer) as days
    from script_tracking.tenant_h as t
    join script_tracking_internal.setting as s on s.name = 'retention.days'
    left join script_tracking_internal.tenant_retention as r on r.tenant_hk = t.tenant_hk) as r;

  if growth_bytes_per_day is not null then
    foreach v_horizon in array array[30, 90, 365] loop
      v_bytes := v_bytes || (
        select coalesce(sum(pg_total_relation_size(p.partition)), 0)::bigint
        from script_tracking_internal.vault_partition as p
        where p.relation in ('script_execution_h', 'script_execution_s')
          and (retention_days is null
            or p.upper_bound > now() + make_interval(days => v_horizon - retention_days)
            or exists (select from script_tracking_internal.partition_kept as k
                       where k.reason = 'hold' and k.upper_bound = p.upper_bound))
      ) + (growth_bytes_per_day * least(v_horizon,
        coalesce(retention_days + extract(epoch from v_period) / 86400, v_horizon)))::bigint + derived_bytes + internal_bytes;
    end loop;
    bytes_in_30_days := v_bytes[1];
    bytes_in_90_days := v_bytes[2];
    bytes_in_365_days := v_bytes[3];
  end if;
  return next;
end
$function$;
