-- requires: retention/archived_partition.sql, upkeep/vault_partition.sql
-- Whether the partitions of a past period hold as many rows as their archives. Reads them.
create or replace function script_tracking_internal.fits_archive(p_upper timestamptz)
returns boolean
language plpgsql volatile
as $function$
declare
  v_part record;
  v_rows bigint;
begin
  for v_part in
    select p.partition, a.row_count
    from script_tracking_internal.vault_partition as p
    left join script_tracking_internal.archived_partition as a
      on a.relation = p.relation and a.lower_bound = p.lower_bound and a.upper_bound = p.upper_bound
    where p.append_only and p.upper_bound = p_upper
  loop
    execute pg_catalog.format('select count(*) from %s', v_part.partition) into strict v_rows;
    if v_rows is distinct from v_part.row_count then
      return false;
    end if;
  end loop;
  return true;
end
$function$;
