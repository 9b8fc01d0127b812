-- requires: capture/statement_mark.sql
-- ddl_command_start: remembers the moment, nothing else. It must not write a table nor take a transaction id, which
-- would break DROP INDEX CONCURRENTLY. Nothing in here depends on a setting but the search_path.
-- The state is a stack, because DDL may run DDL: "<mark><start>,<start>,".
create or replace function script_tracking.event_trigger_ddl_start()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
declare
  v_mark  text;
  v_state text;
begin
  -- not in the declarations: the handler below does not cover those
  v_mark := script_tracking_internal.statement_mark();
  v_state := coalesce(current_setting('script_tracking_internal.attempts', true), '');
  v_state := set_config('script_tracking_internal.attempts',
    case when starts_with(v_state, v_mark) then v_state else v_mark end
      || (extract(epoch from clock_timestamp()) * 1000000)::bigint::text || ',', false);
exception when others then
  raise log 'script_tracking: start of % not noted: % %', tg_tag, sqlstate, sqlerrm;
end
$function$;
comment on function script_tracking.event_trigger_ddl_start() is 'Notes the start of a DDL statement in session state; writes nothing';
