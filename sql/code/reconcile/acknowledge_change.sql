-- requires: vault/record_execution.sql, rules/checked_reason.sql, tenancy/session_identity.sql
-- Acknowledges an untracked change: it no longer alerts, and stays on record. For superusers and auditors: it changes
-- nothing that is audited, and whoever answers for the record should not need the power to change the catalog.
create or replace function script_tracking.acknowledge_change(change_id bigint, reason text)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = '1'
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason   text := script_tracking_internal.checked_reason(acknowledge_change.reason);
  v_identity name := script_tracking_internal.session_identity();
  v_change   record;
begin
  update script_tracking_internal.untracked_change as u
  set acknowledged_at = clock_timestamp(), acknowledged_by = v_identity, reason = v_reason
  where u.change_id = acknowledge_change.change_id and u.acknowledged_at is null
  returning u.* into v_change;
  if not found then
    return false;
  end if;
  perform script_tracking_internal.record_execution(
    p_tenant_hk => sha256('system'), p_incarnation => i.incarnation, p_record_source => (i.record_source || '/acknowledge_change/v1')::varchar,
    p_script_name => 'ACKNOWLEDGE CHANGE', p_script_type => 'RECONCILER', p_execution_status => 'COMPLETED',
    p_started_at => v_change.acknowledged_at, p_duration_us => 0, p_affected_objects => array[v_change.identity], p_sql_command => null, p_suffix => null,
    p_metadata => jsonb_build_object('evidence', 'client', 'change_id', v_change.change_id, 'reason', v_reason,
      'acknowledged_hk', encode(v_change.script_execution_hk, 'hex'), 'effective_role', v_identity, 'pid', pg_backend_pid()))
  from script_tracking_internal.installation as i;
  return true;
end
$function$;
comment on function script_tracking.acknowledge_change(bigint, text) is
  'Acknowledges an untracked change with a reason (1 to 1000 characters); false where it is unknown or acknowledged already; ST003 without one';
