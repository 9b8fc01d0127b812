-- requires: operation/end_operation.sql
-- Ends an operation once: a second or a foreign call, and one that comes after upkeep has declared the operation
-- INTERRUPTED, returns false and changes nothing.
-- Only settings that matter in here are pinned, as each costs: no time, interval, float or bytea is turned into text but
-- by functions that say how.
create or replace function script_tracking.complete_operation(
  execution_hk bytea, success boolean, error_message text default null, error_sqlstate text default null,
  affected_rows bigint default null, metadata jsonb default null)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- a plan made while the state table was empty serves it when it is full
set jit = off
as $function$
#variable_conflict use_column
begin
  if complete_operation.success is null or complete_operation.error_sqlstate !~ '^[0-9A-Z]{5}$'
    or jsonb_typeof(complete_operation.metadata) <> 'object'
  then
    raise exception using errcode = 'ST003', message = case
      when complete_operation.success is null then 'success must be true or false'
      when jsonb_typeof(complete_operation.metadata) <> 'object' then 'metadata must be a JSON object'
      else 'error_sqlstate must have five characters 0-9 and A-Z' end;
  end if;
  return script_tracking_internal.end_operation(
    complete_operation.execution_hk, script_tracking_internal.session_identity(),
    case when complete_operation.success then 'COMPLETED' else 'FAILED' end, clock_timestamp(),
    complete_operation.error_message, complete_operation.error_sqlstate, complete_operation.affected_rows,
    complete_operation.metadata, null);
end
$function$;
comment on function script_tracking.complete_operation(bytea, boolean, text, text, bigint, jsonb) is
  'Ends an operation that track_operation began; false, and nothing changes, where the key is not running or not the caller''s; ST003 for a bad argument';
