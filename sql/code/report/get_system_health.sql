-- requires: capture/slot_lag.sql, capture/slot_bound.sql, capture/event_triggers.sql, rules/pause_state.sql, upkeep/unconfirmed_copy.sql, rules/lost_records.sql, rules/refusals.sql, upkeep/vault_partition.sql, upkeep/final_version.sql, reconcile/catalog_coverage.sql
-- What an operator should know of the tracker itself; tells nothing of any tenant. A value that cannot be had is NULL
-- and its status unknown.
create or replace function script_tracking.get_system_health()
returns table (check_name text, status text, value double precision, threshold double precision, unit text, advice text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  with checked (check_name, value, threshold, unit, bad_status, advice) as (
    select 'event_triggers_enabled',
      (select count(*) from pg_event_trigger as e
       where e.evtname in (select t.name from script_tracking_internal.event_triggers() as t) and e.evtenabled = 'A')::double precision,
      (select count(*) from script_tracking_internal.event_triggers()
       where not exists (select from script_tracking_internal.pause_state()))::double precision, 'triggers', 'critical',
      'An event trigger is missing or disabled: run "script-tracking-exporter schema verify", then "schema upgrade".'
    union all
    select 'tracking_paused', (select count(*) from script_tracking_internal.pause_state()), 0, 'pauses', 'warning',
      'A superuser paused tracking and no DDL is recorded: script_tracking.resume_tracking() ends it.'
    union all
    select 'unconfirmed_copy', (select count(*) from script_tracking_internal.installation
       where script_tracking_internal.unconfirmed_copy() is not null), 0, 'databases', 'critical',
      'This is a copy of a tracked database, and the exporter publishes nothing of it until script_tracking.confirm_copy().'
    union all
    select 'lost_records', (select l.unacknowledged from script_tracking_internal.lost_records() as l),
      0, 'records', 'critical',
      'DDL went through without a record: the server log names each ("script_tracking: record of ... lost"). Seen to: script_tracking.acknowledge_losses().'
    union all
    select 'fail_closed_policies', (select count(*) from script_tracking_internal.capture_policy as p where p.fail_closed),
      0, 'policies', 'warning',
      'A fault of the tracker refuses the DDL that these name: script_tracking.get_capture_policies(), set_capture_policy().'
    union all
    select 'refused_tenant_claims', (select r.new_claims from script_tracking_internal.refusals() as r),
      0, 'claims', 'warning',
      'A session claimed a tenant that its role is no member of: see metadata.refused_tenant_claim, and grant_tenant(). Seen to: script_tracking.acknowledge_losses().'
    union all
    select 'owner_role_members',
      -- but for a managed service's admin, who keeps the right to grant it and neither to use nor to inherit it (16 and newer)
      (select count(*) from pg_auth_members as m join pg_roles as r on r.oid = m.roleid
       join pg_roles as u on u.oid = m.member
       where r.rolname = 'script_tracking_owner' and not u.rolsuper
         and not (coalesce((select e.evtowner = u.oid from pg_event_trigger as e where e.evtname = 'et_ddl_command_end'), true)
           and (to_jsonb(m) ->> 'set_option' = 'false' and to_jsonb(m) ->> 'inherit_option' = 'false') is true))::double precision,
      0, 'roles', 'critical',
      'Whoever is a member of script_tracking_owner can take over the next superuser''s DDL: revoke the membership.'
    union all
    select 'partitions_ahead',
      (select count(*) from script_tracking_internal.vault_partition as p
       where p.relation = 'script_execution_s' and p.lower_bound > now())::double precision,
      1, 'partitions', 'warning',
      'No partition is ready for next month: is the daemon running? See script_tracking_internal.ensure_partitions().'
    union all
    select 'rollup_lag',
      coalesce((select extract(epoch from clock_timestamp() - min(f.load_date)) from script_tracking_internal.final_version as f
        where f.xid >= (select r.horizon from script_tracking_internal.rollup_state as r)
          and f.incarnation = (select i.incarnation from script_tracking_internal.installation as i)), 0)::double precision,
      600, 'seconds', 'warning',
      'The totals wait for the transaction horizon: end the oldest transaction, prepared ones included (pg_prepared_xacts).'
    union all
    select 'oldest_prepared_transaction',
      (select coalesce(extract(epoch from now() - min(x.prepared)), 0) from pg_prepared_xacts as x)::double precision,
      3600, 'seconds', 'warning',
      'A prepared transaction holds the horizon in every database: commit or roll it back by its gid.'
    union all
    select 'oldest_running_operation',
      (select coalesce(extract(epoch from now() - min(r.execution_timestamp)), 0) from script_tracking_internal.running_operation as r)::double precision,
      86400, 'seconds', 'warning',
      'An operation was begun and never completed: find it by execution_status = ''RUNNING''.'
    union all
    select 'capture_level',
      (select case i.capture_level when 'basic' then 1 when 'failures' then 2 else 3 end
       from script_tracking_internal.installation as i)::double precision,
      k.level_reached, 'level', 'warning',
      (select case i.capture_level
         when 'basic' then 'Level 1 (basic): DDL that succeeded is recorded; failed and rolled back DDL leaves no record.'
         when 'failures' then 'Level 2 (failures): DDL that failed or was rolled back is recorded as well, without SQLSTATE and message.'
         else 'Level 3 (full): DDL that failed or was rolled back is recorded with SQLSTATE and message.' end
       from script_tracking_internal.installation as i)
        || coalesce(' To raise it: ' || nullif(array_to_string(k.missing, '; '), '') || '.', '')
    from script_tracking_internal.capture_state as k
    union all
    select 'capture_slot_lag', coalesce(script_tracking_internal.slot_lag(), 0)::double precision,
      script_tracking_internal.slot_bound()::double precision, 'bytes', 'warning',
      'Write-ahead log that the replication slot holds back; over the threshold the exporter drops the slot. Is the exporter running, is a transaction open for long?'
    union all
    select 'refused_messages',
      (select r.new_messages from script_tracking_internal.refusals() as r)::double precision,
      0, 'messages', 'warning',
      'Somebody emitted messages into the write-ahead log that pretended to come from the event triggers; none was recorded. Seen to: script_tracking.acknowledge_losses().'
    union all
    select 'untracked_changes',
      (select count(*) from script_tracking_internal.untracked_change as u where u.acknowledged_at is null)::double precision,
      0, 'changes', 'critical',
      'The catalogs were changed without a record: see get_untracked_changes(), and acknowledge_change().'
    union all
    select 'catalog_coverage', script_tracking_internal.catalog_coverage(), 1, 'ratio', 'warning',
      'Share of the watched catalog objects whose definition baseline, records and acknowledgements account for.'
    union all
    select 'catalog_compared',
      (select extract(epoch from clock_timestamp() - r.passed_at) from script_tracking_internal.reconcile_state as r)::double precision,
      600, 'seconds', 'warning',
      'The catalogs were not compared with the record for so long: is the exporter running?'
  )
  select c.check_name,
    case when c.value is null then 'unknown'
      when case when c.check_name in ('event_triggers_enabled', 'partitions_ahead', 'capture_level', 'catalog_coverage')
             then c.value < c.threshold else c.value > c.threshold end then c.bad_status
      else 'ok' end,
    c.value, c.threshold, c.unit, c.advice
  from checked as c
$function$;
comment on function script_tracking.get_system_health() is
  'Checks of the tracker itself: status (ok, warning, critical, unknown), value beside its threshold in the unit, and what to do';
