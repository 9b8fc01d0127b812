-- Counts a DDL statement whose record could not be written, in a way that survives the statement's rollback,
-- and says so in the server's log. Never raises: a broken tracker must not block DDL.
create or replace function script_tracking_internal.count_loss(p_tag text, p_sqlstate text, p_message text)
returns void
language plpgsql volatile
as $function$
begin
  perform pg_catalog.nextval('script_tracking_internal.lost_record_seq');
  raise log 'script_tracking: record of % lost: % %', p_tag, p_sqlstate, p_message;
exception when others then
  raise log 'script_tracking: record of % lost and not counted: % %', p_tag, p_sqlstate, p_message;
end
$function$;
