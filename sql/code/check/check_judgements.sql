-- requires: changes/judgement_hash_diff.sql
-- vault_check of the judgements in the blocks from p_from to before p_to of one partition: a row for each of their checks.
-- One statement and so one snapshot.
create or replace function script_tracking_internal.check_judgements(p_partition regclass, p_from bigint, p_to bigint)
returns table (check_name text, checked bigint, violations bigint, example text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
begin
  return query execute pg_catalog.format($query$
    with judged as materialized (
      select j.script_execution_hk as hk, h.script_execution_hk is null as unrecorded, h.tenant_hk <> j.tenant_hk as tenant,
        j.hash_diff is distinct from script_tracking_internal.judgement_hash_diff(
          j.script_execution_hk, j.execution_timestamp, j.tenant_hk, j.verdict, j.reference_state, j.window_name, j.approved_by,
          j.rules_hash, j.judged_by) as hash_diff,
        not exists (
          select from script_tracking_internal.change_rules as r where r.rules_hash = j.rules_hash) as unruly
      from %1$s as j
      left join script_tracking.script_execution_h as h
        on h.script_execution_hk = j.script_execution_hk and h.load_date = j.execution_timestamp
      where j.ctid >= %2$L::tid and j.ctid < %3$L::tid
    )
    select c.check_name, count(*), count(*) filter (where c.violated), min(encode(j.hk, 'hex')) filter (where c.violated)
    from judged as j
    cross join lateral (values
      ('judgement_without_execution', j.unrecorded),
      ('judgement_tenant', j.tenant),
      ('judgement_hash_diff', j.hash_diff),
      ('judgement_rules', j.unruly)) as c (check_name, violated)
    group by c.check_name$query$,
    p_partition, pg_catalog.format('(%s,0)', p_from), pg_catalog.format('(%s,0)', p_to));
end
$function$;
