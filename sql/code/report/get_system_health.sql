-- requires: health/health_access.sql, health/health_capture.sql, health/health_upkeep.sql, health/health_catalog.sql, health/health_vault.sql, health/unprotected_tables.sql
-- What an operator should know of the tracker itself; tells nothing of any tenant. A value that cannot be had is NULL
-- and its status unknown.
-- Each part by itself: where the owner of an object was changed, a right revoked or a function dropped, the parts that do
-- not need it still tell, and record_protected tells of it, which lies in here as it must not go with any of them. What fails is
-- known before the first row of its part is handed out.
create or replace function script_tracking.get_system_health()
returns table (check_name text, status text, value double precision, threshold double precision, unit text, advice text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
set client_min_messages = warning  -- the caller may have the server tell him plans
as $function$
#variable_conflict use_column
declare
  v_part   text;
  v_faults bigint := 0;
  v_first  text;
begin
  -- Whom all of it was made over to lacks rights and sees no row of the record: he can tell of access alone.
  if current_user <> 'script_tracking_owner' then
    v_faults := 1;
    v_first := 'get_system_health() lacks owner script_tracking_owner';
  end if;
  foreach v_part in array '{health_access,health_capture,health_upkeep,health_catalog,health_vault}'::text[] loop
    continue when v_part <> 'health_access' and current_user <> 'script_tracking_owner';
    begin
      return query execute format(
        $part$
        select c.check_name,
          case when c.value is null then 'unknown'
            when case when c.is_floor then c.value < c.threshold else c.value > c.threshold end then c.bad_status
            else 'ok' end,
          c.value, c.threshold, c.unit, c.advice
        from script_tracking_internal.%I() as c
        $part$, v_part);
    exception when insufficient_privilege or undefined_function or undefined_table or undefined_object then
      v_faults := v_faults + 1;
      v_first := coalesce(v_first, sqlerrm);
    end;
  end loop;
  begin
    select v_faults + count(*), coalesce((array_agg(u.relation || ' lacks ' || u.lacks order by u.relation, u.lacks))[1], v_first)
      into v_faults, v_first
    from script_tracking_internal.unprotected_tables() as u;
  exception when insufficient_privilege or undefined_function or undefined_table or undefined_object then
    v_faults := v_faults + 1;
    v_first := coalesce(v_first, sqlerrm);
  end;
  return query select 'record_protected', case when v_faults > 0 then 'critical' else 'ok' end, v_faults::double precision,
    0::double precision, 'faults',
    'The record can be changed or seen past its protection, or the tracker lacks a right of its own: '
      || coalesce(v_first || '. ', '')
      || 'Run "script-tracking-exporter schema verify", then "schema upgrade", and find out who did it.';
end
$function$;
comment on function script_tracking.get_system_health() is
  'Checks of the tracker itself: status (ok, warning, critical, unknown), value beside its threshold in the unit, and what to do';
