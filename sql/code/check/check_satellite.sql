-- requires: vault/hash_diff.sql, links/object_class.sql, changes/is_to_be_judged.sql
-- vault_check of the versions in the blocks from p_from to before p_to of one partition of the satellite: a row for each of
-- its checks. One statement and so one snapshot. Links are due below their horizon, judgements below that of the judging.
create or replace function script_tracking_internal.check_satellite(p_partition regclass, p_from bigint, p_to bigint)
returns table (check_name text, checked bigint, violations bigint, example text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
begin
  return query execute pg_catalog.format($query$
    with version as materialized (
      select s.* from %1$s as s where s.ctid >= %2$L::tid and s.ctid < %3$L::tid
    ), judged as materialized (
      select v.script_execution_hk as hk, h.script_execution_hk is null as orphan, h.tenant_hk <> v.tenant_hk as tenant,
        v.hash_diff is distinct from script_tracking_internal.hash_diff(
          v.tenant_hk, v.script_name, v.script_type, v.execution_status, v.execution_timestamp, v.execution_duration_ms,
          v.db_session_user, v.client_ip, v.affected_objects, v.sql_command, v.error_message, v.metadata) as hash_diff,
        v.load_end_date is not null and not exists (
          select from %1$s as n where n.script_execution_hk = v.script_execution_hk
            and n.load_date = v.load_end_date and n.execution_timestamp = v.execution_timestamp) as gap,
        v.load_end_date <= v.load_date or exists (  -- also two that begin at once: no key of the table forbids them
          select from %1$s as n where n.script_execution_hk = v.script_execution_hk
            and n.load_date >= v.load_date and n.load_date < coalesce(v.load_end_date, 'infinity')
            and n.execution_timestamp = v.execution_timestamp and n.version_number <> v.version_number) as overlap,
        v.load_end_date is not null and exists (
          select from %1$s as n where n.script_execution_hk = v.script_execution_hk
            and n.load_date = v.load_end_date and n.execution_timestamp = v.execution_timestamp
            and n.hash_diff = v.hash_diff) as repeated,
        d.due and v.metadata ? 'objects' as names_objects,
        d.due and v.metadata ? 'objects' and exists (
          select from jsonb_array_elements(v.metadata -> 'objects') as o
          where o.value ? 'name' and script_tracking_internal.object_class(lower(o.value ->> 'type')) is not null
            and o.value ? 'oid' and not exists (
              select from script_tracking.script_execution_object as l
              where l.object_id = (o.value ->> 'oid')::oid and l.load_date = v.load_date
                and l.execution_timestamp = v.execution_timestamp and l.script_execution_hk = v.script_execution_hk
                and l.class_id = script_tracking_internal.object_class(lower(o.value ->> 'type'))
                and l.incarnation = v.incarnation)) as unlinked,
        d.due and p.parent_hk is not null as names_parent,
        d.due and p.parent_hk is not null and not exists (
          select from script_tracking.script_execution_parent as l
          where l.parent_hk = p.parent_hk and l.execution_timestamp = v.execution_timestamp
            and l.script_execution_hk = v.script_execution_hk) as parentless,
        g.due as judged,
        g.due and not exists (
          select from script_tracking.script_execution_change_s as j
          where j.script_execution_hk = v.script_execution_hk and j.execution_timestamp = v.execution_timestamp) as unjudged
      from version as v
      left join script_tracking.script_execution_h as h
        on h.script_execution_hk = v.script_execution_hk and h.load_date = v.execution_timestamp
      cross join script_tracking_internal.links_state as s
      cross join lateral (
        select v.execution_status <> 'RUNNING' and not v.metadata ? 'revises' and v.incarnation > 0
          and (v.incarnation < s.incarnation or v.incarnation = s.incarnation and v.xid < s.horizon) as due) as d
      cross join lateral (
        select case when v.metadata ->> 'parent_hk' ~ '^[0-9a-f]{64}$'
          then decode(v.metadata ->> 'parent_hk', 'hex') end as parent_hk) as p
      cross join script_tracking_internal.change_state as y
      cross join lateral (
        select v.execution_timestamp >= y.since and v.incarnation > 0
          and (v.incarnation < y.incarnation or v.incarnation = y.incarnation and v.xid < y.horizon)
          and script_tracking_internal.is_to_be_judged(v.script_type, v.execution_status, v.metadata) is true as due) as g
    )
    select c.check_name, count(*) filter (where c.applies), count(*) filter (where c.violated),
      min(encode(j.hk, 'hex')) filter (where c.violated)
    from judged as j
    cross join lateral (values
      ('satellite_without_hub', true, j.orphan),
      ('satellite_tenant', not j.orphan, j.tenant),
      ('satellite_hash_diff', true, j.hash_diff),
      ('satellite_gap', true, j.gap),
      ('satellite_overlap', true, j.overlap),
      ('satellite_repeated', true, j.repeated),
      ('object_links_missing', j.names_objects, j.unlinked),
      ('parent_links_missing', j.names_parent, j.parentless),
      ('judgement_missing', j.judged, j.unjudged)) as c (check_name, applies, violated)
    group by c.check_name$query$,
    p_partition, pg_catalog.format('(%s,0)', p_from), pg_catalog.format('(%s,0)', p_to));
end
$function$;
