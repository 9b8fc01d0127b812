-- requires: upkeep/unconfirmed_copy.sql, changes/is_to_be_judged.sql
-- For the daemon: captured DDL that is to be judged, from the horizon on, about p_versions versions at once; what one
-- transaction wrote comes in whole. Every transaction below to_xid has ended, so none of its rows comes later. The first call ever
-- sets the horizon to where the database is: what was there before is not judged. Nothing of a copy that nobody has confirmed.
-- note_judgements() takes what was made of it; is_due: also where that is nothing.
-- lag_seconds: since when what comes next waits.
create or replace function script_tracking_internal.unjudged_ddl(
  p_versions integer default 10000, out incarnation integer, out from_xid text, out to_xid text, out executions jsonb,
  out is_due boolean, out more boolean, out lag_seconds double precision)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
set enable_seqscan = off  -- a batch is a small part of the record, whatever the statistics of a growing table say
set jit = off
as $function$
#variable_conflict use_column
declare
  v_now     integer := (select i.incarnation from script_tracking_internal.installation as i);
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_state   script_tracking_internal.change_state;
  v_next    xid8;
  v_to      xid8;
begin
  executions := '[]';
  is_due := false;
  more := false;
  if script_tracking_internal.unconfirmed_copy() is not null then
    return;
  end if;
  update script_tracking_internal.change_state as s
  set incarnation = v_now, horizon = v_horizon, since = clock_timestamp() where s.horizon is null;
  select s.* into strict v_state from script_tracking_internal.change_state as s;
  if v_state.incarnation < v_now then
    v_horizon := '9223372036854775807';  -- whatever wrote in an earlier one has ended
  end if;
  select (s.xid::text::bigint + 1)::text::xid8 into v_next
  from script_tracking.script_execution_s as s
  where s.execution_status <> 'RUNNING' and s.xid >= v_state.horizon and s.xid < v_horizon and s.incarnation = v_state.incarnation
  order by s.xid offset p_versions - 1 limit 1;
  v_to := coalesce(v_next, greatest(v_horizon, v_state.horizon));
  more := v_to < v_horizon or v_state.incarnation < v_now;
  select coalesce(jsonb_agg(jsonb_build_object('hk', encode(s.script_execution_hk, 'hex'), 'began', s.execution_timestamp,
      'tenant', t.tenant_bk, 'claimed', s.metadata ->> 'claimed_change_ref')), '[]')
  into executions
  from script_tracking.script_execution_s as s
  join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
  where s.execution_status <> 'RUNNING' and s.xid >= v_state.horizon and s.xid < v_to and s.incarnation = v_state.incarnation
    and s.execution_timestamp >= v_state.since
    and script_tracking_internal.is_to_be_judged(s.script_type, s.execution_status, s.metadata);
  select extract(epoch from clock_timestamp() - s.load_date) into lag_seconds
  from script_tracking.script_execution_s as s
  where s.execution_status <> 'RUNNING' and s.xid >= v_to and s.incarnation = v_state.incarnation
  order by s.xid limit 1;
  lag_seconds := greatest(coalesce(lag_seconds, 0), 0);
  incarnation := v_state.incarnation;
  from_xid := v_state.horizon;
  to_xid := v_to;
  -- idle, the row is not written for each transaction that goes by
  is_due := executions <> '[]' or more or v_to::text::numeric - v_state.horizon::text::numeric > 1000;
end
$function$;
