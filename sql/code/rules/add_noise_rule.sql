-- requires: rules/record_change.sql, rules/checked_reason.sql, rules/checked_tag.sql
-- Keeps the DDL of a schema, of a command, of a role, or of what is named of them together, out of the record.
create or replace function script_tracking.add_noise_rule(schema_name name, tag text, role_name name, reason text)
returns bigint
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
  v_tag    text := script_tracking_internal.checked_tag(add_noise_rule.tag);
  v_reason text := script_tracking_internal.checked_reason(add_noise_rule.reason);
  v_role   regrole;
  v_id     bigint;
  v_rule   jsonb;
begin
  if num_nonnulls(add_noise_rule.schema_name, v_tag, add_noise_rule.role_name) = 0 then
    raise exception using errcode = 'ST003', message = 'a noise rule must name a schema, a command tag or a role';
  elsif add_noise_rule.schema_name in ('script_tracking', 'script_tracking_internal') then
    raise exception using errcode = 'ST003', message = 'DDL on the tracker itself is always recorded';
  end if;
  if add_noise_rule.role_name is not null then
    v_role := to_regrole(quote_ident(add_noise_rule.role_name));
    if v_role is null then
      raise exception using errcode = 'ST003', message = format('role %L does not exist', add_noise_rule.role_name);
    end if;
  end if;
  -- rules come and go one after the other: who takes the last one back must see whether another is on its way
  perform from script_tracking_internal.installation for no key update;
  insert into script_tracking_internal.noise_rule as r (schema_name, tag, role, reason)
  values (add_noise_rule.schema_name, v_tag, v_role, v_reason)
  returning r.rule_id, to_jsonb(r) into v_id, v_rule;
  update script_tracking_internal.installation set noise_rules = true where not noise_rules;
  perform script_tracking_internal.record_change('add_noise_rule', v_reason, null, jsonb_strip_nulls(v_rule));
  return v_id;
end
$function$;
comment on function script_tracking.add_noise_rule(name, text, name, text) is
  'Keeps DDL that the rule names precisely (schema of every object, command tag, role; NULL for any) out of the record; returns the rule''s number; ST003';
