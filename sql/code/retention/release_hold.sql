-- requires: rules/record_change.sql, rules/checked_reason.sql
-- Ends a hold; it stays in the list of holds.
create or replace function script_tracking.release_hold(hold_id bigint, reason text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason text := script_tracking_internal.checked_reason(release_hold.reason);
  v_hold   script_tracking_internal.legal_hold;
begin
  update script_tracking_internal.legal_hold as h
  set released_at = clock_timestamp(), released_by = session_user, release_reason = v_reason
  where h.hold_id = release_hold.hold_id and h.released_at is null
  returning h.* into v_hold;
  if not found then
    return false;
  end if;
  perform script_tracking_internal.record_change('release_hold', v_reason,
    jsonb_build_object('hold_id', v_hold.hold_id,
      'tenant', (select t.tenant_bk from script_tracking.tenant_h as t where t.tenant_hk = v_hold.tenant_hk),
      'held_from', nullif(v_hold.held_from, '-infinity'), 'held_until', nullif(v_hold.held_until, 'infinity'),
      'reason', v_hold.reason), null);
  return true;
end
$function$;
comment on function script_tracking.release_hold(bigint, text) is
  'Ends a hold, on record; false where there is none of this number, or it was released; ST003 without a reason';
