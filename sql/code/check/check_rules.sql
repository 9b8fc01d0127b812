-- vault_check of the configurations by which DDL was judged, as a whole: they are few.
create or replace function script_tracking_internal.check_rules()
returns table (check_name text, checked bigint, violations bigint, example text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select 'rules_hash', count(*), count(*) filter (where j.forged), min(encode(j.rules_hash, 'hex')) filter (where j.forged)
  from (
    select r.rules_hash, r.rules_hash <> sha256(convert_to(r.rules, 'UTF8')) as forged
    from script_tracking_internal.change_rules as r) as j
$function$;
