-- requires: rules/record_change.sql, rules/checked_reason.sql, rules/lost_records.sql
-- Says of the records lost so far that somebody has seen to them: the health check is ok again, the counter stays.
create or replace function script_tracking.acknowledge_losses(reason text)
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_reason text := script_tracking_internal.checked_reason(acknowledge_losses.reason);
  v_lost   record;
begin
  lock table script_tracking_internal.loss_acknowledgement in share row exclusive mode;
  select l.total, l.unacknowledged into v_lost from script_tracking_internal.lost_records() as l;
  if v_lost.unacknowledged > 0 then
    insert into script_tracking_internal.loss_acknowledgement (lost_through, reason) values (v_lost.total, v_reason);
    perform script_tracking_internal.record_change('acknowledge_losses', v_reason,
      jsonb_build_object('unacknowledged', v_lost.unacknowledged), jsonb_build_object('lost_through', v_lost.total));
  end if;
  return v_lost.unacknowledged;
end
$function$;
comment on function script_tracking.acknowledge_losses(text) is
  'Acknowledges the records lost so far, on record; returns how many there were since the last time; ST003 without a reason';
