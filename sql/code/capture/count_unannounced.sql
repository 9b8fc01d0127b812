-- requires: capture/log_fault.sql
-- Counts a DDL statement whose start could not be noted or announced: if it succeeds it is recorded all the same, if it
-- fails only the server's log knows. Not where the transaction must not have an id yet, which nextval now and then takes.
create or replace function script_tracking_internal.count_unannounced(p_tag text, p_sqlstate text, p_message text)
returns void
language plpgsql volatile
as $function$
begin
  perform script_tracking_internal.log_fault(pg_catalog.concat('start of ', p_tag, ' not noted'), p_sqlstate, p_message);
  if p_tag <> 'DROP INDEX' or pg_catalog.strpos(pg_catalog.lower(pg_catalog.current_query()), 'concurrently') = 0 then
    perform pg_catalog.nextval('script_tracking_internal.unannounced_ddl_seq');
  end if;
end
$function$;
