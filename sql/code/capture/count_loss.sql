-- Counts a DDL statement whose record could not be written, in a way that survives the statement's rollback,
-- and says so in the server's log. Never raises: a broken tracker must not block DDL.
-- nextval logs 32 values ahead, which a crash would turn into losses that never were; setval logs the value itself, and
-- must not meet another session's nextval, hence the lock. Who cannot get it for 50 ms leaves setval out.
create or replace function script_tracking_internal.count_loss(p_tag text, p_sqlstate text, p_message text)
returns void
language plpgsql volatile
as $function$
declare
  v_locked boolean := false;
begin
  for v_try in 1..50 loop
    v_locked := pg_catalog.pg_try_advisory_lock(6001874102);
    exit when v_locked;
    perform pg_catalog.pg_sleep(0.001);
  end loop;
  begin
    if v_locked then
      perform pg_catalog.setval('script_tracking_internal.lost_record_seq',
        pg_catalog.nextval('script_tracking_internal.lost_record_seq'));
    else
      perform pg_catalog.nextval('script_tracking_internal.lost_record_seq');
    end if;
    raise log 'script_tracking: record of % lost: % %', p_tag, p_sqlstate, p_message;
  exception when others then
    raise log 'script_tracking: record of % lost and not counted: % %', p_tag, p_sqlstate, p_message;
  end;
  if v_locked then
    perform pg_catalog.pg_advisory_unlock(6001874102);
  end if;
end
$function$;
