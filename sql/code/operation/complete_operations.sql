-- requires: vault/utf8_text.sql, operation/end_operation.sql, operation/hex_key.sql, operation/check_values.sql
-- Ends many operations at once, each as complete_operation would; they are locked in the order of their keys, so that two
-- calls do not wait for each other. An execution_hk that is null, as of what begun without a record, is an unknown key. ended_at is for a client that could not tell in time, by the server's clock.
create or replace function script_tracking.complete_operations(completions jsonb)
returns boolean[]
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- a plan made while the state table was empty serves it when it is full
set jit = off
as $function$
declare
  v_identity name := script_tracking_internal.session_identity();
  v_now      timestamptz := clock_timestamp();
  v_given    record;
  v_problem  text;
  v_done     boolean[];
begin
  if jsonb_typeof(complete_operations.completions) is distinct from 'array' then
    raise exception using errcode = 'ST003', message = 'completions must be a JSON array';
  end if;
  if getdatabaseencoding() <> 'UTF8' then
    completions := script_tracking_internal.utf8_text(complete_operations.completions::text, true);
  end if;
  perform script_tracking_internal.check_values(complete_operations.completions, 'completions');
  v_done := array_fill(false, array[jsonb_array_length(complete_operations.completions)]);
  for v_given in
    select o.place, o.item, i.*, script_tracking_internal.hex_key(i.execution_hk) as hk
    from jsonb_array_elements(complete_operations.completions) with ordinality as o (item, place)
    cross join lateral jsonb_to_record(case when jsonb_typeof(o.item) = 'object' then o.item else '{}' end)
      as i (execution_hk text, success boolean, error_message text, error_sqlstate text, affected_rows bigint,
            metadata jsonb, ended_at timestamptz)
    order by hk, o.place
  loop
    v_problem := case
      when jsonb_typeof(v_given.item) <> 'object' then 'is not an object'
      when v_given.item - array['execution_hk', 'success', 'error_message', 'error_sqlstate', 'affected_rows',
          'metadata', 'ended_at'] <> '{}' then 'has an unknown key'
      when v_given.hk is null and jsonb_typeof(v_given.item -> 'execution_hk') is distinct from 'null'
        then 'execution_hk must be hexadecimal'
      when v_given.success is null then 'success must be true or false'
      when v_given.error_sqlstate !~ '^[0-9A-Z]{5}$' then 'error_sqlstate must have five characters 0-9 and A-Z'
      when jsonb_typeof(nullif(v_given.metadata, 'null')) <> 'object' then 'metadata must be a JSON object' end;
    if v_problem is not null then
      raise exception using errcode = 'ST003', message = format('completions[%s]: %s', v_given.place - 1, v_problem);
    end if;
    v_done[v_given.place] := script_tracking_internal.end_operation(
      v_given.hk, v_identity, case when v_given.success then 'COMPLETED' else 'FAILED' end,
      coalesce(v_given.ended_at, clock_timestamp()), v_given.error_message, v_given.error_sqlstate,
      v_given.affected_rows, nullif(v_given.metadata, 'null'),
      jsonb_strip_nulls(jsonb_build_object(
        'completion_recorded_after_us', (extract(epoch from v_now - v_given.ended_at) * 1000000)::bigint)));
  end loop;
  return v_done;
end
$function$;
comment on function script_tracking.complete_operations(jsonb) is
  'Ends many operations: an array of objects with the arguments of complete_operation, and ended_at for late delivery; for each, in that order, what complete_operation would return. ST003 for a bad one, and then none is ended';
