-- requires: links/object_class.sql, links/object_key.sql
-- vault_check of the links in the blocks from p_from to before p_to of one partition: a row for each of their checks.
-- One statement and so one snapshot.
create or replace function script_tracking_internal.check_links(
  p_relation text, p_partition regclass, p_from bigint, p_to bigint)
returns table (check_name text, checked bigint, violations bigint, example text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_relation = 'script_execution_object' then
    return query execute pg_catalog.format($query$
      with judged as materialized (
        select l.script_execution_hk as hk,
          not exists (select from script_tracking.script_execution_h as h
            where h.script_execution_hk = l.script_execution_hk and h.load_date = l.execution_timestamp) as unrecorded,
          not exists (select from script_tracking.database_object_h as o
            where o.object_hk = sha256(convert_to(
              script_tracking_internal.object_key(l.class_id, l.object_id, l.incarnation), 'UTF8'))) as objectless,
          not exists (select from script_tracking.script_execution_s as s
            cross join lateral jsonb_array_elements(s.metadata -> 'objects') as o
            where s.script_execution_hk = l.script_execution_hk and s.load_date = l.load_date
              and s.execution_timestamp = l.execution_timestamp and s.incarnation = l.incarnation
              and o.value ->> 'oid' = l.object_id::text
              and script_tracking_internal.object_class(lower(o.value ->> 'type')) = l.class_id)
          or exists (select from %1$s as d
            where d.object_id = l.object_id and d.load_date = l.load_date and d.class_id = l.class_id
              and d.incarnation = l.incarnation and d.script_execution_hk = l.script_execution_hk and d.ctid < l.ctid) as untold
        from %1$s as l
        where l.ctid >= %2$L::tid and l.ctid < %3$L::tid
      )
      select c.check_name, count(*), count(*) filter (where c.violated), min(encode(j.hk, 'hex')) filter (where c.violated)
      from judged as j
      cross join lateral (values
        ('object_link_without_execution', j.unrecorded),
        ('object_link_without_object', j.objectless),
        ('object_link_untold', not j.unrecorded and j.untold)) as c (check_name, violated)
      group by c.check_name$query$,
      p_partition, pg_catalog.format('(%s,0)', p_from), pg_catalog.format('(%s,0)', p_to));
  else
    return query execute pg_catalog.format($query$
      with judged as materialized (
        select l.script_execution_hk as hk,
          not exists (select from script_tracking.script_execution_h as h
            where h.script_execution_hk = l.script_execution_hk and h.load_date = l.execution_timestamp) as unrecorded,
          not exists (select from script_tracking.script_execution_h as h
            where h.script_execution_hk = l.parent_hk) as parentless
        from %1$s as l
        where l.ctid >= %2$L::tid and l.ctid < %3$L::tid
      )
      select c.check_name, count(*), count(*) filter (where c.violated), min(encode(j.hk, 'hex')) filter (where c.violated)
      from judged as j
      cross join lateral (values
        ('parent_link_without_execution', j.unrecorded),
        ('parent_link_without_parent', j.parentless)) as c (check_name, violated)
      group by c.check_name$query$,
      p_partition, pg_catalog.format('(%s,0)', p_from), pg_catalog.format('(%s,0)', p_to));
  end if;
end
$function$;
