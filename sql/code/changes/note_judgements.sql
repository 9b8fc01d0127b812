-- requires: vault/protect_tables.sql, vault/utf8_text.sql, changes/judgement_hash_diff.sql
-- For the daemon: notes what was made of that which unjudged_ddl() gave, and moves the horizon behind it. Returns how many
-- judgements were noted; NULL, and nothing is, where another exporter was first. p_judgements is an array of objects with hk, began,
-- verdict, reference_state, window_name and approved_by; p_rules the JSON text of the configuration.
-- Idempotent: an execution is judged once.
create or replace function script_tracking_internal.note_judgements(
  p_incarnation integer, p_from text, p_to text, p_judgements jsonb, p_rules text)
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
set enable_seqscan = off
set jit = off
as $function$
declare
  v_now   integer := (select i.incarnation from script_tracking_internal.installation as i);
  v_hash  bytea := sha256(convert_to(p_rules, 'UTF8'));
  v_by    varchar := script_tracking_internal.utf8_text(session_user, false);
  v_noted bigint;
begin
  perform from script_tracking_internal.change_state as s
  where s.incarnation = p_incarnation and s.horizon = p_from::xid8
  for update;
  if not found then
    return null;
  end if;
  if p_to::xid8 < p_from::xid8 or p_incarnation = v_now and p_to::xid8 > pg_snapshot_xmin(pg_current_snapshot()) then
    raise exception using errcode = 'ST003', message = 'p_to is not between p_from and the transaction horizon';
  end if;
  insert into script_tracking_internal.change_rules (rules_hash, rules)
  select v_hash, p_rules where jsonb_array_length(p_judgements) > 0
  on conflict do nothing;
  with judged as (
    insert into script_tracking.script_execution_change_s
      (execution_timestamp, script_execution_hk, tenant_hk, verdict, reference_state, window_name, approved_by, rules_hash,
       judged_by, hash_diff, incarnation)
    select h.load_date, h.script_execution_hk, h.tenant_hk, j.verdict, j.reference_state, j.window_name, j.approved_by, v_hash, v_by,
      script_tracking_internal.judgement_hash_diff(h.script_execution_hk, h.load_date, h.tenant_hk, j.verdict, j.reference_state,
        j.window_name, j.approved_by, v_hash, v_by), v_now
    from jsonb_to_recordset(p_judgements) as j
      (hk text, began timestamptz, verdict text, reference_state text, window_name text, approved_by text)
    join script_tracking.script_execution_h as h
      on h.script_execution_hk = decode(j.hk, 'hex') and h.load_date = j.began
    on conflict do nothing
    returning tenant_hk, verdict
  ), counted as (
    insert into script_tracking_internal.change_total as t (tenant_hk, verdict, judged)
    select g.tenant_hk, g.verdict, count(*) from judged as g group by 1, 2
    on conflict (tenant_hk, verdict) do update set judged = t.judged + excluded.judged
  )
  select count(*) into v_noted from judged;
  update script_tracking_internal.change_state as s
  set horizon = case when p_incarnation < v_now and p_to = '9223372036854775807' then '0'::xid8 else p_to::xid8 end,
      incarnation = p_incarnation + (p_incarnation < v_now and p_to = '9223372036854775807')::integer;
  return v_noted;
end
$function$;
