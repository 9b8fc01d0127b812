-- requires: vault/utf8_text.sql, reconcile/accept_pending.sql, reconcile/changed_facts.sql, reconcile/described_fact.sql, vault/record_execution.sql
-- Third step of a pass: what two passes in a row saw and no record accounts for becomes a record and an untracked change.
-- Returns how many. Indexes, constraints, members of an extension and the like are told with the object that they belong to
-- where that changed as well. A thousand at a time: the rest waits for the next pass.
-- Held back are indexes and constraints of a table that somebody has locked as CREATE INDEX CONCURRENTLY, REINDEX CONCURRENTLY
-- and DETACH PARTITION CONCURRENTLY do: these commit half-way and are recorded at their end.
create or replace function script_tracking_internal.report_changes()
returns bigint
language plpgsql volatile
as $function$
declare
  v_top      record;
  v_id       bigint;
  v_hk       bytea;
  v_context  record;
  v_reported bigint := 0;
begin
  -- what came and went in the middle of such a command, or went and came back
  delete from script_tracking_internal.catalog_pending as p
  where p.gone and (p.change = 'DROP' or p.object_type in ('index', 'constraint'));

  select i.incarnation, i.record_source || '/reconciler/v1' as record_source into strict v_context
  from script_tracking_internal.installation as i;
  for v_top in
    with recursive locked as materialized (
      select l.relation from pg_locks as l
      where l.locktype = 'relation' and l.mode = 'ShareUpdateExclusiveLock' and l.granted and l.pid is distinct from pg_backend_pid()
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    ), candidate as materialized (
      select concat_ws('.', p.class_id, p.object_id, p.sub_id) as key, p.*
      from script_tracking_internal.catalog_pending as p
      where p.passes >= 2
        and not (p.object_type in ('index', 'constraint') and exists (select from locked as l where l.relation = any (p.roots)))
    ), link as materialized (
      select distinct m.key, c.key as parent
      from candidate as m cross join unnest(m.roots) as r (root)
      join candidate as c on c.object_id = r.root and c.sub_id = 0 and c.cluster_wide = m.cluster_wide and c.key <> m.key
    ), climb (member, top) as (
      select c.key, c.key from candidate as c where not exists (select from link as l where l.key = c.key)
      union
      select l.key, b.top from climb as b join link as l on l.parent = b.member
    ), told as (
      select b.top, array_agg(c.key order by c.key) as keys, count(*) as objects,
        jsonb_agg(jsonb_strip_nulls(jsonb_build_object('type', c.object_type, 'name', c.identity, 'oid', c.object_id,
          'dropped', case when c.change = 'DROP' then true end, 'dependent', case when c.key <> b.top then true end,
          'change', lower(c.change))) order by c.key <> b.top, c.object_type, c.identity) as list
      from (select b.member, min(b.top) as top from climb as b group by b.member) as b join candidate as c on c.key = b.member
      group by b.top
    )
    select c.*, t.keys, t.objects, t.list
    from told as t join candidate as c on c.key = t.top
    order by c.first_seen_at, c.object_type, c.identity limit 1000
  loop
    -- names of roles may come from a database of another encoding
    v_top.identity := script_tracking_internal.utf8_text(v_top.identity, false);
    v_hk := script_tracking_internal.record_execution(
      p_tenant_hk => sha256('system'), p_incarnation => v_context.incarnation, p_record_source => v_context.record_source,
      p_script_name => ('UNTRACKED ' || v_top.change || ' ' || upper(v_top.object_type))::varchar, p_script_type => 'DDL',
      p_execution_status => 'COMPLETED', p_started_at => v_top.first_seen_at, p_duration_us => null,
      p_affected_objects => array(
        select script_tracking_internal.utf8_text(o.value ->> 'name', false) from jsonb_array_elements(v_top.list) as o limit 1000),
      p_sql_command => null, p_suffix => null,
      p_metadata => script_tracking_internal.utf8_text(jsonb_strip_nulls(jsonb_build_object(
        'evidence', 'reconciler', 'objects', jsonb_path_query_array(v_top.list, '$[0 to 999]'),
        'changed_objects', v_top.objects, 'cluster_wide', case when v_top.cluster_wide then true end,
        'changed_after', v_top.since, 'seen_at', v_top.first_seen_at, 'gone', case when v_top.gone then true end,
        'pause', (select jsonb_strip_nulls(jsonb_build_object('reason', a.reason, 'from', a.paused_at, 'to', a.resumed_at))
          from script_tracking_internal.tracking_pause as a
          where a.paused_at < v_top.first_seen_at and coalesce(a.resumed_at, 'infinity') > v_top.since
          order by a.pause_id desc limit 1),
        'before', array(select script_tracking_internal.described_fact(f.fact)
          from unnest(script_tracking_internal.changed_facts(v_top.before, v_top.after)) as f (fact)),
        'after', array(select script_tracking_internal.described_fact(f.fact)
          from unnest(script_tracking_internal.changed_facts(v_top.after, v_top.before)) as f (fact))))::text, true)::jsonb);
    insert into script_tracking_internal.untracked_change
      (change, object_type, identity, class_id, object_id, sub_id, cluster_wide, objects, since, first_seen_at, script_execution_hk)
    values (v_top.change, v_top.object_type, v_top.identity, v_top.class_id, v_top.object_id, v_top.sub_id, v_top.cluster_wide,
      v_top.objects, v_top.since, v_top.first_seen_at, v_hk);
    perform script_tracking_internal.accept_pending(v_top.keys);
    v_reported := v_reported + 1;
  end loop;
  return v_reported;
end
$function$;
