-- requires: tenancy/read_policies.sql
-- For the daemon: operations that were begun and not completed.
create or replace function script_tracking_internal.collect_running()
returns table (tenant text, script_type text, running bigint, oldest_start_timestamp_seconds double precision)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with running as materialized (  -- added up before it is joined
    select r.tenant_hk, r.script_type, count(*) as running, min(r.execution_timestamp) as oldest
    from script_tracking_internal.running_operation as r group by 1, 2
  ), series as (
    select r.tenant_hk, r.script_type from running as r
    union select o.tenant_hk, o.script_type from script_tracking_internal.operation_total as o where o.script_type <> 'DDL'
  )
  select t.tenant_bk, y.script_type, coalesce(r.running, 0), extract(epoch from r.oldest)::double precision
  from series as y
  join script_tracking.tenant_h as t on t.tenant_hk = y.tenant_hk
  left join running as r on r.tenant_hk = y.tenant_hk and r.script_type = y.script_type
$function$;
