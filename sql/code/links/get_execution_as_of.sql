-- An execution as the record had it at a moment: its version that was current then; no row where it was not yet recorded.
-- Runs as the caller, so row-level security decides what is seen.
create or replace function script_tracking.get_execution_as_of(execution_hk bytea, as_of timestamptz)
returns setof script_tracking.script_execution_s
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select s.* from script_tracking.script_execution_s as s
  where s.script_execution_hk = get_execution_as_of.execution_hk and s.load_date <= get_execution_as_of.as_of
    and (s.load_end_date is null or s.load_end_date > get_execution_as_of.as_of)
$function$;
comment on function script_tracking.get_execution_as_of(bytea, timestamptz) is
  'The version of an execution that was current at a moment; no row where it was not recorded then, or not for the caller';
