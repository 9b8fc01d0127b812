-- requires: upkeep/ensure_incarnation.sql, rules/record_change.sql, rules/checked_reason.sql
-- Says of a copy of a tracked database that it is meant to be one and stands for itself: the exporter publishes it.
create or replace function script_tracking.confirm_copy(reason text)
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
  v_reason text := script_tracking_internal.checked_reason(confirm_copy.reason);
  v_copy   record;
begin
  perform script_tracking_internal.ensure_incarnation();  -- nobody may have looked yet
  select i.copied_from, i.copy_found_at, i.record_source into strict v_copy
  from script_tracking_internal.installation as i for update;
  if v_copy.copied_from is null then
    return false;
  end if;
  update script_tracking_internal.installation set copied_from = null, copy_found_at = null;
  perform script_tracking_internal.record_change('confirm_copy', v_reason,
    jsonb_build_object('copied_from', v_copy.copied_from, 'found_at', v_copy.copy_found_at),
    jsonb_build_object('record_source', v_copy.record_source));
  return true;
end
$function$;
comment on function script_tracking.confirm_copy(text) is
  'Confirms, on record, that this copy of a tracked database stands for itself, so that it is published; false where it is none or confirmed; ST003 without a reason';
