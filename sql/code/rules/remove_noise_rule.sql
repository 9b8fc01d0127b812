-- requires: rules/record_change.sql
-- Takes a noise rule back. False where there is none of that number.
create or replace function script_tracking.remove_noise_rule(rule_id bigint)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'  -- a rule's time and role are told as text
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_rule jsonb;
begin
  -- rules come and go one after the other: who takes the last one back must see whether another is on its way
  perform from script_tracking_internal.installation for no key update;
  delete from script_tracking_internal.noise_rule as r
  where r.rule_id = remove_noise_rule.rule_id returning to_jsonb(r) into v_rule;
  if v_rule is null then
    return false;
  end if;
  update script_tracking_internal.installation set noise_rules = false
  where noise_rules and not exists (select from script_tracking_internal.noise_rule);
  perform script_tracking_internal.record_change('remove_noise_rule', null, jsonb_strip_nulls(v_rule), null);
  return true;
end
$function$;
comment on function script_tracking.remove_noise_rule(bigint) is
  'Takes a noise rule back; false where there is none of that number';
