-- requires: check/vault_checks.sql
-- What vault_check has found: the worse of the last whole pass and the current one.
create or replace view script_tracking_internal.vault_found as
select c.place, c.check_name, c.counts, c.advice,
  case when v.violations > 0 and c.counts then 'critical' when r.last_pass_at is null then 'unknown' else 'ok' end as status,
  v.violations, coalesce(r.last_checked, r.checked, 0) as checked,
  coalesce(r.example, r.last_example) as example, r.last_pass_at
from script_tracking_internal.vault_checks() as c
left join script_tracking_internal.vault_check_result as r on r.check_name = c.check_name
cross join lateral (select greatest(r.violations, r.last_violations, 0) as violations) as v;
