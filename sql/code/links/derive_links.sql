-- requires: links/object_touch.sql, links/object_key.sql
-- Derives links, hub and names of objects, and users from the final versions up to the transaction horizon: every
-- transaction below it has ended, so its rows are visible or will never be. A batch is p_versions versions and the rest of
-- the transaction in which it ends; batches go on for p_seconds. Versions of an earlier incarnation go first, all of them.
-- Returns how many versions were taken in. What is stored does not depend on the order or on the batches.
-- Idempotent; one at a time by the row lock.
create or replace function script_tracking_internal.derive_links(
  p_seconds double precision default 5, p_versions integer default 10000)
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set plpgsql.extra_errors = 'none'
set enable_seqscan = off  -- a batch is a small part of the record, whatever the statistics of a growing table say
set jit = off
set work_mem = '64MB'
as $function$
declare
  v_until       timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
  v_incarnation integer := (select i.incarnation from script_tracking_internal.installation as i);
  v_state       script_tracking_internal.links_state;
  v_horizon     xid8;
  v_to          xid8;
  v_versions    bigint;
  v_taken       bigint := 0;
  v_is_last     boolean;
begin
  select l.* into strict v_state from script_tracking_internal.links_state as l for update;
  loop
    v_horizon := case when v_state.incarnation < v_incarnation then '9223372036854775807'::xid8
      else pg_snapshot_xmin(pg_current_snapshot()) end;
    select (s.xid::text::bigint + 1)::text::xid8 into v_to
    from script_tracking.script_execution_s as s
    where s.execution_status <> 'RUNNING' and s.xid >= v_state.horizon and s.xid < v_horizon
      and s.incarnation = v_state.incarnation
    order by s.xid offset p_versions - 1 limit 1;
    v_to := coalesce(v_to, v_horizon);
    exit when v_to <= v_state.horizon;

    with version as materialized (
      select s.script_execution_hk, s.execution_timestamp, s.tenant_hk, s.db_session_user, s.record_source,
        case when length(s.metadata ->> 'parent_hk') = 64 and not s.metadata ? 'revises'
          and s.metadata ->> 'parent_hk' ~ '^[0-9a-f]+$' then decode(s.metadata ->> 'parent_hk', 'hex') end as parent_hk
      from script_tracking.script_execution_s as s
      where s.execution_status <> 'RUNNING' and s.xid >= v_state.horizon and s.xid < v_to
        and s.incarnation = v_state.incarnation
    ), touch as materialized (
      select t.execution_timestamp, t.load_date, t.script_execution_hk, t.tenant_hk, t.record_source, t.class_id,
        t.object_id, t.incarnation, t.object_type, t.identity, t.dropped, sha256(convert_to(
          script_tracking_internal.object_key(t.class_id, t.object_id, t.incarnation), 'UTF8')) as object_hk
      from script_tracking_internal.object_touch as t
      where t.xid >= v_state.horizon and t.xid < v_to and t.incarnation = v_state.incarnation
    ), object_link as (
      insert into script_tracking.script_execution_object
        (execution_timestamp, load_date, object_id, class_id, incarnation, script_execution_hk)
      select t.execution_timestamp, t.load_date, t.object_id, t.class_id, t.incarnation, t.script_execution_hk
      from touch as t
    ), parent_link as (
      insert into script_tracking.script_execution_parent (execution_timestamp, script_execution_hk, parent_hk)
      select v.execution_timestamp, v.script_execution_hk, v.parent_hk from version as v where v.parent_hk is not null
    ), hub as (
      insert into script_tracking.database_object_h as h
        (object_hk, object_bk, load_date, record_source, incarnation, class_id, object_id)
      select distinct on (t.object_hk) t.object_hk,
        script_tracking_internal.object_key(t.class_id, t.object_id, t.incarnation), t.execution_timestamp,
        t.record_source, t.incarnation, t.class_id, t.object_id
      from touch as t order by t.object_hk, t.execution_timestamp, t.script_execution_hk
      on conflict (object_hk) do update
      set load_date = excluded.load_date, record_source = excluded.record_source
      where excluded.load_date < h.load_date
    ), name as (
      insert into script_tracking.database_object_name_s as n
        (object_hk, tenant_hk, identity, object_type, load_date, last_seen_at, dropped_at)
      select t.object_hk, t.tenant_hk, t.identity, min(t.object_type), min(t.execution_timestamp), max(t.load_date),
        max(t.load_date) filter (where t.dropped)
      from touch as t group by 1, 2, 3
      on conflict (object_hk, tenant_hk, identity) do update
      set object_type = least(n.object_type, excluded.object_type), load_date = least(n.load_date, excluded.load_date),
          last_seen_at = greatest(n.last_seen_at, excluded.last_seen_at),
          dropped_at = greatest(n.dropped_at, excluded.dropped_at)
    ), executing as (
      insert into script_tracking_internal.execution_user as u (tenant_hk, user_bk, load_date, record_source)
      select distinct on (v.tenant_hk, v.db_session_user)
        v.tenant_hk, v.db_session_user, v.execution_timestamp, v.record_source
      from version as v order by v.tenant_hk, v.db_session_user, v.execution_timestamp, v.script_execution_hk
      on conflict (tenant_hk, user_bk) do update
      set load_date = excluded.load_date, record_source = excluded.record_source
      where excluded.load_date < u.load_date
    )
    select count(*) into v_versions from version;
    v_taken := v_taken + v_versions;
    v_is_last := v_to = v_horizon and v_state.incarnation = v_incarnation;
    -- idle, the row is not written for each transaction that goes by
    if v_versions > 0 or v_to::text::numeric - v_state.horizon::text::numeric > 1000 then
      v_state.horizon := v_to;
      if v_to = v_horizon and v_state.incarnation < v_incarnation then
        v_state.incarnation := v_state.incarnation + 1;
        v_state.horizon := '0'::xid8;
      end if;
      update script_tracking_internal.links_state
      set incarnation = v_state.incarnation, horizon = v_state.horizon, derived_at = clock_timestamp();
    end if;
    exit when v_is_last or clock_timestamp() >= v_until;
  end loop;
  return v_taken;
end
$function$;
