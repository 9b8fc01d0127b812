-- requires: rules/record_change.sql, rules/checked_reason.sql
-- Keeps executions from being removed until the hold is released, whatever the retention.
create or replace function script_tracking.place_hold(
  tenant text, held_from timestamptz, held_until timestamptz, reason text)
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'  -- the hold's times are told as text
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason text := script_tracking_internal.checked_reason(place_hold.reason);
  v_from   timestamptz := coalesce(place_hold.held_from, '-infinity');
  v_until  timestamptz := coalesce(place_hold.held_until, 'infinity');
  v_hk     bytea;
  v_id     bigint;
begin
  if place_hold.tenant is not null then
    select t.tenant_hk into v_hk from script_tracking.tenant_h as t where t.tenant_bk = place_hold.tenant;
    if v_hk is null then
      raise exception using errcode = 'ST002', message = format('tenant %L is not registered', place_hold.tenant);
    end if;
  end if;
  if v_from >= v_until then
    raise exception using errcode = 'ST003', message = 'a hold must begin before it ends';
  end if;
  insert into script_tracking_internal.legal_hold as h (tenant_hk, held_from, held_until, reason)
  values (v_hk, v_from, v_until, v_reason)
  returning h.hold_id into v_id;
  perform script_tracking_internal.record_change('place_hold', v_reason, null,
    jsonb_build_object('hold_id', v_id, 'tenant', place_hold.tenant,
      'held_from', nullif(v_from, '-infinity'), 'held_until', nullif(v_until, 'infinity')));
  return v_id;
end
$function$;
comment on function script_tracking.place_hold(text, timestamptz, timestamptz, text) is
  'Keeps the executions of a tenant (NULL: of all) that began from held_from to before held_until (NULL: without end) until release_hold(); returns the hold''s number; on record; ST002, ST003';
