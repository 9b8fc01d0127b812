-- vault_check of the executions in the blocks from p_from to before p_to of one partition of the hub: a row for each of its
-- checks. One statement and so one snapshot.
create or replace function script_tracking_internal.check_hub(p_partition regclass, p_from bigint, p_to bigint)
returns table (check_name text, checked bigint, violations bigint, example text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
begin
  return query execute pg_catalog.format($query$
    with judged as materialized (
      select h.script_execution_hk as hk,
        h.script_execution_hk <> sha256(convert_to(h.script_execution_bk, 'UTF8')) as hash_key,
        v.versions, v.current_ones, t.tenant_hk is null as tenantless
      from %1$s as h
      cross join lateral (
        select count(*) as versions, count(*) filter (where s.load_end_date is null) as current_ones
        from script_tracking.script_execution_s as s
        where s.script_execution_hk = h.script_execution_hk and s.execution_timestamp = h.load_date) as v
      left join script_tracking.tenant_h as t on t.tenant_hk = h.tenant_hk
      where h.ctid >= %2$L::tid and h.ctid < %3$L::tid
    )
    select c.check_name, count(*), count(*) filter (where c.violated), min(encode(j.hk, 'hex')) filter (where c.violated)
    from judged as j
    cross join lateral (values
      ('hub_hash_key', j.hash_key),
      ('hub_without_satellite', j.versions = 0),
      ('hub_current_versions', j.versions > 0 and j.current_ones <> 1),
      ('hub_tenant_unknown', j.tenantless)) as c (check_name, violated)
    group by c.check_name$query$,
    p_partition, pg_catalog.format('(%s,0)', p_from), pg_catalog.format('(%s,0)', p_to));
end
$function$;
