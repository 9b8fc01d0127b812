-- Adds what a slice found to the results of the current pass; the first example stays.
create or replace function script_tracking_internal.note_checked(
  p_check_name text, p_checked bigint, p_violations bigint, p_example text)
returns void
language sql volatile
as $function$
  update script_tracking_internal.vault_check_result as r
  set checked = r.checked operator(pg_catalog.+) p_checked, violations = r.violations operator(pg_catalog.+) p_violations,
      example = coalesce(r.example, p_example)
  where r.check_name operator(pg_catalog.=) p_check_name
$function$;
