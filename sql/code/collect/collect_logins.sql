-- requires: upkeep/operation_totals.sql
-- For the daemon: cumulative attempts to log in and to register by tenant, type and outcome, from zero; no row where the
-- database did not opt in. The outcome is told from the status and the class of the SQLSTATE, which is what the totals have.
create or replace function script_tracking_internal.collect_logins()
returns table (tenant text, script_type text, outcome text, attempts_total bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with opted as materialized (
    select from script_tracking_internal.schema_code as k where k.path = 'code/auth/end_login.sql'
  ), counted as materialized (
    select o.tenant_hk, o.script_type,
      case when o.status = 'COMPLETED' then 'succeeded' when o.status = 'NOOP' then 'unchanged'
        when o.error_class = '28' then 'refused' when o.error_class = 'ST' then 'locked' else 'failed' end as outcome,
      sum(o.operations) as operations
    from opted cross join lateral script_tracking_internal.operation_totals() as o
    where o.script_type in ('LOGIN', 'REGISTRATION')
    group by 1, 2, 3
  )
  select t.tenant_bk, y.script_type, y.outcome, coalesce(c.operations, 0)::bigint
  from opted cross join script_tracking.tenant_h as t
  cross join (values ('LOGIN', 'succeeded'), ('LOGIN', 'refused'), ('LOGIN', 'locked'), ('LOGIN', 'failed'),
    ('REGISTRATION', 'succeeded'), ('REGISTRATION', 'unchanged'), ('REGISTRATION', 'refused'), ('REGISTRATION', 'failed'))
    as y (script_type, outcome)
  left join counted as c on c.tenant_hk = t.tenant_hk and c.script_type = y.script_type and c.outcome = y.outcome
$function$;
