-- requires: check/check_satellite.sql, check/check_hub.sql, check/check_links.sql, check/check_judgements.sql
-- The checks of one relation of the vault on the blocks from p_from to before p_to of one of its partitions.
create or replace function script_tracking_internal.check_slice(p_relation text, p_partition oid, p_from bigint, p_to bigint)
returns table (check_name text, checked bigint, violations bigint, example text)
language plpgsql stable
as $function$
begin
  if p_relation operator(pg_catalog.=) 'script_execution_s' then
    return query select f.* from script_tracking_internal.check_satellite(p_partition::regclass, p_from, p_to) as f;
  elsif p_relation operator(pg_catalog.=) 'script_execution_h' then
    return query select f.* from script_tracking_internal.check_hub(p_partition::regclass, p_from, p_to) as f;
  elsif p_relation operator(pg_catalog.=) 'script_execution_change_s' then
    return query select f.* from script_tracking_internal.check_judgements(p_partition::regclass, p_from, p_to) as f;
  else
    return query select f.* from script_tracking_internal.check_links(p_relation, p_partition::regclass, p_from, p_to) as f;
  end if;
end
$function$;
