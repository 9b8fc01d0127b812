-- requires: capture/log_fault.sql
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
  v_fault  text := 'lost';
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
  exception when others then
    v_fault := 'lost and not counted';
  end;
  if v_locked then
    perform pg_catalog.pg_advisory_unlock(6001874102);
  end if;
  perform script_tracking_internal.log_fault(pg_catalog.concat('record of ', p_tag, ' ', v_fault), p_sqlstate, p_message);
end
$function$;
