-- requires: rules/record_change.sql, rules/checked_reason.sql, rules/lost_records.sql, rules/refusals.sql
-- Says of the records lost so far, and of the claims and messages refused so far, that somebody has seen to them: the
-- health checks are ok again, the counters stay.
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
  v_reason  text := script_tracking_internal.checked_reason(acknowledge_losses.reason);
  v_lost    record;
  v_refused record;
begin
  lock table script_tracking_internal.loss_acknowledgement in share row exclusive mode;
  select l.total, l.unacknowledged into v_lost from script_tracking_internal.lost_records() as l;
  select r.* into v_refused from script_tracking_internal.refusals() as r;
  if v_lost.unacknowledged > 0 or v_refused.new_claims > 0 or v_refused.new_messages > 0 then
    insert into script_tracking_internal.loss_acknowledgement
      (lost_through, refused_claims_through, refused_messages_through, reason)
    values (v_lost.total, v_refused.claims, v_refused.messages, v_reason);
    perform script_tracking_internal.record_change('acknowledge_losses', v_reason,
      jsonb_build_object('unacknowledged', v_lost.unacknowledged,
        'refused_claims', v_refused.new_claims, 'refused_messages', v_refused.new_messages),
      jsonb_build_object('lost_through', v_lost.total,
        'refused_claims_through', v_refused.claims, 'refused_messages_through', v_refused.messages));
  end if;
  return v_lost.unacknowledged;
end
$function$;
comment on function script_tracking.acknowledge_losses(text) is
  'Acknowledges the records lost and the claims and messages refused so far, on record; returns how many records were lost since the last time; ST003 without a reason';
