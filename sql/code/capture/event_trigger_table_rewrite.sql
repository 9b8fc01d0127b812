-- requires: vault/utf8_text.sql, capture/note_for_end.sql, capture/log_fault.sql
-- table_rewrite: notes which table a statement is about to write anew, and why, for the record of the statement.
-- It fires for such statements only, so it costs the others nothing. What goes wrong costs the record this note alone.
create or replace function script_tracking.event_trigger_table_rewrite()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
set lock_timeout = '1s'
as $function$
begin
  perform script_tracking_internal.note_for_end(script_tracking_internal.utf8_text(jsonb_build_array(jsonb_build_object('rewritten', jsonb_build_object(
    'table', pg_event_trigger_table_rewrite_oid()::regclass::text,
    'oid', pg_event_trigger_table_rewrite_oid(),
    'reasons', array(
      select r.name
      from (values (1, 'persistence'), (2, 'column default'), (4, 'column type'), (8, 'access method')) as r (bit, name)
      where pg_event_trigger_table_rewrite_reason() & r.bit <> 0))))::text, true));
exception
  when statement_too_complex then
    raise;  -- the caller has used up the stack
  when others then
    begin
      perform script_tracking_internal.log_fault(concat('rewrite by ', tg_tag, ' not noted'), sqlstate, sqlerrm);
    exception when others then
      raise log 'script_tracking: rewrite by % not noted: %', tg_tag, sqlstate;
    end;
end
$function$;
comment on function script_tracking.event_trigger_table_rewrite() is
  'Notes in session state which table is written anew, and why, for the record of the statement';
