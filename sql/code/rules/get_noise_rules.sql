-- The noise rules that stand.
create or replace function script_tracking.get_noise_rules()
returns table (rule_id bigint, schema_name name, tag text, role_name name, reason text, added_at timestamptz, added_by name)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select n.rule_id, n.schema_name, n.tag, coalesce((select r.rolname from pg_roles as r where r.oid = n.role), n.role::text::name), n.reason,
    n.added_at, n.added_by
  from script_tracking_internal.noise_rule as n
  order by n.rule_id
$function$;
comment on function script_tracking.get_noise_rules() is 'The noise rules that stand, with who added them, when and why';
