-- requires: changes/legible_json.sql
-- The configurations by which exporters judged DDL: for auditors, as they name targets and tenants.
create or replace function script_tracking.get_change_rules()
returns table (rules_hash bytea, rules jsonb, first_used_at timestamptz, first_used_by varchar)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select r.rules_hash, script_tracking_internal.legible_json(r.rules), r.first_used_at, r.first_used_by
  from script_tracking_internal.change_rules as r
  order by r.first_used_at
$function$;
comment on function script_tracking.get_change_rules() is
  'The change windows, freezes and references by which captured DDL was judged, as the exporters'' configurations had them, by the sha256 that judgements name, the oldest first; without the references of files';
