-- requires: check/advance_vault_check.sql, check/vault_found.sql
-- Holds the vault to the rules of a Data Vault, slice by slice, for so many seconds; the next call, or the exporter, goes on
-- where this one ends. A vault that can be read in the time is checked from beginning to end.
-- For auditors: it tells of all tenants.
create or replace function script_tracking.vault_check(seconds double precision default 5)
returns table (
  check_name text, status text, violations bigint, checked bigint, example text, pass_completed_at timestamptz, advice text)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
begin
  if vault_check.seconds is null or vault_check.seconds not between 0 and 86400 then
    raise exception using errcode = 'ST003', message = 'seconds must be between 0 and 86400';
  end if;
  perform script_tracking_internal.advance_vault_check(vault_check.seconds, p_anew => true);
  return query
    select f.check_name, f.status, f.violations, f.checked, f.example, f.last_pass_at, f.advice
    from script_tracking_internal.vault_found as f order by f.place;
end
$function$;
comment on function script_tracking.vault_check(double precision) is
  'Goes on checking the record and what is derived from it for so many seconds (0 to 86400), and tells for each check what the last whole pass and this one found; ST003 for a bad argument';
