-- requires: capture/own_write.sql, capture/recorded_floor.sql, capture/named_in.sql
-- What ATTACH or DETACH PARTITION attached to or detached from a table: PostgreSQL reports the table only.
-- What was attached stands in the catalog; of what was detached it only tells that it was changed, so its name must also
-- stand in the statement. p_statement is NULL where it is not known.
create or replace function script_tracking_internal.changed_partitions(p_parent oid, p_statement text)
returns jsonb
language sql stable
as $function$
  select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'type', case c.relkind when 'f' then 'foreign table' else 'table' end, 'schema', n.nspname,
      'name', pg_catalog.format('%I.%I', n.nspname, c.relname), 'oid', c.oid,
      'partition', case when c.relispartition then 'attached' else 'detached' end)
      order by c.oid)
  from script_tracking_internal.recorded_floor() as f (command)
    cross join pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    left join pg_catalog.pg_inherits as i on i.inhrelid = c.oid and i.inhparent = p_parent
  where c.relkind in ('r', 'p', 'f') and c.oid <> p_parent
    and script_tracking_internal.own_write(c.xmin, c.cmin, f.command)
    and case when c.relispartition then script_tracking_internal.own_write(i.xmin, i.cmin, f.command)
      else pg_catalog.lower(p_statement) ~ '\mdetach\s+partition\M'
        and c.relname = any (script_tracking_internal.named_in(p_statement)) end
$function$;
