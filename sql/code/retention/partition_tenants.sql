-- Tenants that have executions in a partition of the satellite: one step along the index for each of them. Those of which
-- nothing but a running operation is there are left out, as the partition stays for that.
create or replace function script_tracking_internal.partition_tenants(p_partition regclass)
returns setof bytea
language plpgsql volatile
set enable_seqscan = off  -- it may never have been analysed
set enable_sort = off
as $function$
begin
  return query execute pg_catalog.format($query$
    with recursive tenant as (
      (select s.tenant_hk from %1$s as s where s.load_end_date is null and s.execution_status <> 'RUNNING'
       order by s.tenant_hk limit 1)
      union all
      select (select s.tenant_hk from %1$s as s where s.load_end_date is null and s.execution_status <> 'RUNNING'
                and s.tenant_hk > t.tenant_hk order by s.tenant_hk limit 1)
      from tenant as t where t.tenant_hk is not null
    )
    select t.tenant_hk from tenant as t where t.tenant_hk is not null$query$, p_partition);
end
$function$;
