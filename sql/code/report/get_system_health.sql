-- requires: health/health_access.sql, health/health_capture.sql, health/health_upkeep.sql, health/health_catalog.sql, health/health_vault.sql
-- What an operator should know of the tracker itself; tells nothing of any tenant. A value that cannot be had is NULL
-- and its status unknown.
create or replace function script_tracking.get_system_health()
returns table (check_name text, status text, value double precision, threshold double precision, unit text, advice text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set client_min_messages = warning  -- the caller may have the server tell him plans
as $function$
  select c.check_name,
    case when c.value is null then 'unknown'
      when case when c.is_floor then c.value < c.threshold else c.value > c.threshold end then c.bad_status
      else 'ok' end,
    c.value, c.threshold, c.unit, c.advice
  from (
    select * from script_tracking_internal.health_access()
    -- Whom all of it was made over to lacks rights and sees no row of the record: he can tell that alone.
    union all select * from script_tracking_internal.health_capture() where current_user = 'script_tracking_owner'
    union all select * from script_tracking_internal.health_upkeep() where current_user = 'script_tracking_owner'
    union all select * from script_tracking_internal.health_catalog() where current_user = 'script_tracking_owner'
    union all select * from script_tracking_internal.health_vault() where current_user = 'script_tracking_owner'
  ) as c
$function$;
comment on function script_tracking.get_system_health() is
  'Checks of the tracker itself: status (ok, warning, critical, unknown), value beside its threshold in the unit, and what to do';
