-- requires: upkeep/vault_partition.sql
-- For the daemon that archives a past period, in the transaction of open_archive(): the configurations by which DDL of it was judged,
-- as a JSON object of their texts by rules_hash in hexadecimal digits. They stay in the database when the partition goes.
create or replace function script_tracking_internal.archived_rules(p_until timestamptz)
returns jsonb
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_partition regclass := (
    select p.partition from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_change_s' and p.upper_bound = p_until);
  v_rules     jsonb;
begin
  if v_partition is not null
    and exists (select from script_tracking_internal.setting as s where s.name = 'retention.archive' and s.value = 'on')
  then
    execute format(
      'select jsonb_object_agg(encode(r.rules_hash, ''hex''), r.rules) from script_tracking_internal.change_rules as r '
      'where r.rules_hash in (select j.rules_hash from %s as j)', v_partition)
    into v_rules;
  end if;
  return coalesce(v_rules, '{}');
end
$function$;
