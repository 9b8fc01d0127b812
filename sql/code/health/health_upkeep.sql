-- requires: upkeep/unconfirmed_copy.sql, upkeep/vault_partition.sql, upkeep/final_version.sql, upkeep/horizon_holder.sql, tenancy/session_identity.sql, tenancy/visible_tenants.sql, tenancy/is_maintenance.sql, collect/collect_storage.sql
-- Health checks of the upkeep: copies, partitions, totals, running operations. A row for each, for get_system_health() to judge: is_floor says
-- that a value below the threshold is bad, and not one above. Part of get_system_health(), whose rights and settings it has.
-- Processes and prepared transactions are other people's: only auditors and the daemon are told which ones. Operations and holds are
-- counted as far as the caller sees their tenants, so that a reader learns nothing of what others do; and as nobody's where it
-- is asked by what maintains a table.
create or replace function script_tracking_internal.health_upkeep()
returns table (check_name text, value double precision, threshold double precision, unit text, bad_status text,
  is_floor boolean, advice text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
begin
  return query
  with asker as materialized (
    select not m.is_maintenance and (pg_has_role(c.identity, 'script_tracking_auditor', 'member') or d.is_daemon) as is_told,
      not m.is_maintenance and d.is_daemon and coalesce(current_setting('script_tracking.tenant', true), '') = '' as sees_all,
      case when m.is_maintenance then '{}' else script_tracking_internal.visible_tenants() end as tenants
    from script_tracking_internal.session_identity() as c (identity)
    cross join lateral (select pg_has_role(c.identity, 'script_tracking_daemon', 'member') as is_daemon) as d
    cross join script_tracking_internal.is_maintenance() as m (is_maintenance)
  ), found as materialized (
    select case when a.is_told then h.holder else 'an auditor is told which one' end as holder, h.held_since
    from script_tracking_internal.horizon_holder() as h cross join asker as a
  ), by_tenant as materialized (  -- once through the state table, however many tenants the caller sees
    -- the setting's time is how long one may be gone; nobody has ended these after as long again
    select r.tenant_hk, min(r.execution_timestamp) as oldest, count(*) filter (
      where r.gone_since < clock_timestamp() - make_interval(secs => 600 + 2 * coalesce((
        select s.value::double precision from script_tracking_internal.setting as s
        where s.name = 'operation.interrupted_after_seconds' and s.value ~ '^[0-9]{1,9}$'), 300))) as orphans
    from script_tracking_internal.running_operation as r group by 1
  ), running as materialized (
    select min(r.oldest) as oldest, coalesce(sum(r.orphans), 0) as orphans
    from by_tenant as r cross join asker as a
    where a.sees_all or r.tenant_hk = any (a.tenants))
  select 'unconfirmed_copy', (select count(*) from script_tracking_internal.installation
     where script_tracking_internal.unconfirmed_copy() is not null), 0, 'databases', 'critical', false,
    'This is a copy of a tracked database, and the exporter publishes nothing of it until script_tracking.confirm_copy().'
  union all
  select 'partitions_ahead',
    (select count(*) from script_tracking_internal.vault_partition as p
     where p.relation = 'script_execution_s' and p.lower_bound > now())::double precision,
    1, 'partitions', 'warning', true,
    'No partition is ready for the time to come: is the daemon running? See script_tracking_internal.ensure_partitions().'
  union all
  select 'partitions_overdue',
    (select count(distinct k.lower_bound) from script_tracking_internal.partition_kept as k
     where k.upper_bound < now() - interval '1 day' and not exists (
       select from script_tracking_internal.partition_kept as o
       where o.lower_bound = k.lower_bound and o.reason in ('retention', 'delivery', 'hold')))::double precision,
    0, 'partitions', 'warning', false,
    'A partition still stands that is past every retention and hold: script_tracking.get_cleanup_candidates() tells what keeps it.'
  union all
  select 'archive',
    (select case a.value when 'on' then coalesce(r.archive_asked_at < now() - interval '1 hour', true)
       else coalesce(r.archive_asked_at > now() - interval '1 day', false) end::integer
     from script_tracking_internal.setting as a cross join script_tracking_internal.retention_state as r
     where a.name = 'retention.archive')::double precision,
    0, 'disagreements', 'warning', false,
    'The setting retention.archive is on and for an hour no exporter was configured to archive, or the other way round: nothing is archived, and nothing goes.'
  union all
  select 'legal_holds',
    (select count(*) from script_tracking_internal.legal_hold as h cross join asker as a
     where h.released_at is null and (a.sees_all or h.tenant_hk is null or h.tenant_hk = any (a.tenants)))::double precision,
    null, 'holds', 'warning', false,
    'Holds that keep records from being removed: script_tracking.get_holds(), release_hold().'
  union all
  select 'rollup_lag',
    -- with a count: else the planner looks in each partition for an index that has the least first, which takes it ten times as long
    coalesce((select extract(epoch from clock_timestamp() - min(f.load_date)) from script_tracking_internal.final_version as f
      where f.xid >= (select r.horizon from script_tracking_internal.rollup_state as r)
        and f.incarnation = (select i.incarnation from script_tracking_internal.installation as i)
      having count(*) > 0), 0)::double precision,
    600, 'seconds', 'warning', false,
    'The totals wait for the transaction horizon: end the oldest transaction, prepared ones included (pg_prepared_xacts).'
  union all
  select 'horizon_holder', coalesce((select extract(epoch from clock_timestamp() - h.held_since) from found as h), 0)::double precision,
    600, 'seconds', 'warning', false,
    'How long the oldest transaction of the cluster has held the totals back' || coalesce(': ' || (select h.holder from found as h), '')
      || '. End the session (pg_terminate_backend), commit or roll back what is prepared (by its gid, in its database).'
  union all
  select 'oldest_prepared_transaction',
    (select coalesce(extract(epoch from now() - min(x.prepared)), 0) from pg_prepared_xacts as x)::double precision,
    3600, 'seconds', 'warning', false,
    'A prepared transaction holds the horizon in every database: commit or roll it back by its gid.'
  union all
  select 'oldest_running_operation',
    (select coalesce(extract(epoch from now() - r.oldest), 0) from running as r)::double precision,
    86400, 'seconds', 'warning', false,
    'An operation was begun and never completed: find it by execution_status = ''RUNNING''.'
  union all
  select 'orphaned_operations', (select r.orphans from running as r)::double precision,
    0, 'operations', 'warning', false,
    'Their sessions are gone and nothing has ended them: is the exporter running, does a prepared transaction or a time of their own hold them?'
  union all
  select 'storage',
    -- as upkeep found it, and measured only where it has not looked for an hour
    (select case when r.looked_at > now() - interval '1 hour' then r.storage_bytes
       else (select sum(c.storage_bytes) from script_tracking_internal.collect_storage() as c) end
     from script_tracking_internal.retention_state as r)::double precision,
    (select s.value::double precision from script_tracking_internal.setting as s
     where s.name = 'storage.warning_bytes' and s.value ~ '^[0-9]{1,18}$'), 'bytes', 'warning', false,
    'Size of the record. A superuser sets a threshold as storage.warning_bytes in script_tracking_internal.setting; what makes room is the retention.';
end
$function$;
