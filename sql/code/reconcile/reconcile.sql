-- requires: capture/lock_capture.sql, upkeep/ensure_incarnation.sql, reconcile/take_baseline.sql, reconcile/reconcile_format.sql, reconcile/settle_cluster.sql, reconcile/note_differences.sql, reconcile/account_changes.sql, reconcile/report_changes.sql, reconcile/report_gap.sql
-- For the daemon: one pass. Compares the catalogs with what is on record, and reports what is not. fresh counts differences
-- that this pass saw first; held those that wait for the end of a command that commits half-way. No row where
-- another reader of capture is at it, nor where the last pass was less than script_tracking_internal.reconcile_pause seconds ago, a
-- setting of the transaction, and saw nothing that is to be confirmed: several exporters make the passes of one. Reads catalogs, takes no lock on any user's relation.
create or replace function script_tracking_internal.reconcile()
returns table (objects bigint, accounted bigint, fresh bigint, held bigint, reported bigint, baseline boolean)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = '1'
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
set jit = off
-- what has just been created has no statistics yet, by which a loop in a loop would seem cheap
set enable_nestloop = off
as $function$
#variable_conflict use_column
declare
  v_began    timestamptz := clock_timestamp();
  v_state    record;
  v_noted    record;
  v_context  record;
  v_accounted bigint;
  v_reported  bigint;
  v_pause     double precision := nullif(current_setting('script_tracking_internal.reconcile_pause', true), '');
begin
  if not script_tracking_internal.lock_capture() then
    return;
  end if;
  perform script_tracking_internal.ensure_incarnation();
  select i.incarnation, i.record_source || '/reconciler/v1' as record_source into strict v_context
  from script_tracking_internal.installation as i;
  select r.* into v_state from script_tracking_internal.reconcile_state as r;
  if v_state.incarnation is distinct from v_context.incarnation
    or v_state.format is distinct from script_tracking_internal.reconcile_format()
  then
    if v_state.incarnation <> v_context.incarnation and v_state.format = script_tracking_internal.reconcile_format()
      and exists (select from script_tracking_internal.tracking_pause as p where p.resumed_at is null)
    then
      v_reported := script_tracking_internal.report_gap();
      update script_tracking_internal.reconcile_state as r set untracked_changes = r.untracked_changes + v_reported;
    end if;
    v_accounted := script_tracking_internal.take_baseline(script_tracking_internal.reconcile_format());
    perform script_tracking_internal.record_execution(
      p_tenant_hk => sha256('system'), p_incarnation => v_context.incarnation, p_record_source => v_context.record_source,
      p_script_name => 'CATALOG BASELINE', p_script_type => 'RECONCILER', p_execution_status => 'COMPLETED',
      p_started_at => v_began, p_duration_us => (extract(epoch from clock_timestamp() - v_began) * 1000000)::bigint,
      p_affected_objects => null, p_sql_command => null, p_suffix => null,
      p_metadata => jsonb_build_object('evidence', 'reconciler', 'catalog_objects', v_accounted, 'reason', case
        when v_state.incarnation is null then 'first'
        when v_state.incarnation <> v_context.incarnation then 'another incarnation' else 'another format' end));
    return query select v_accounted, 0::bigint, 0::bigint, 0::bigint, coalesce(v_reported, 0), true;
    return;
  end if;
  if v_state.passed_at between v_began - make_interval(secs => v_pause) and v_began
    and not exists (select from script_tracking_internal.catalog_pending)
  then
    return;
  end if;
  perform script_tracking_internal.settle_cluster();

  v_noted := script_tracking_internal.note_differences();
  v_accounted := script_tracking_internal.account_changes();
  v_reported := script_tracking_internal.report_changes();
  update script_tracking_internal.reconcile_state as r
  set snapshot = v_noted.snapshot, passed_at = v_began,
      pass_seconds = extract(epoch from clock_timestamp() - v_began),
      accounted_changes = r.accounted_changes + v_accounted, untracked_changes = r.untracked_changes + v_reported;
  return query
    select v_noted.objects, v_accounted, count(*) filter (where p.passes = 1), count(*) filter (where p.passes > 1), v_reported, false
    from script_tracking_internal.catalog_pending as p;
end
$function$;
