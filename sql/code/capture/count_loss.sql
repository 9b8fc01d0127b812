-- requires: capture/log_fault.sql, capture/loss_lock.sql
-- Counts a DDL statement whose record could not be written, in a way that survives the statement's rollback,
-- and says so in the server's log. Never raises: a broken tracker must not block DDL.
-- nextval logs 32 values ahead, which a crash would turn into losses that never were; setval logs the value itself, and
-- must not meet another session's nextval, hence the lock: one that only the owner's functions can take, given back at
-- once by rolling back to before it, which no sequence follows. Who cannot get it for 50 ms leaves setval out.
create or replace function script_tracking_internal.count_loss(p_tag text, p_sqlstate text, p_message text)
returns void
language plpgsql volatile
set lock_timeout = '50ms'
as $function$
declare
  v_counted boolean := false;
  v_fault   text := 'lost';
begin
  begin
    lock table script_tracking_internal.loss_lock in share update exclusive mode;
    perform pg_catalog.setval('script_tracking_internal.lost_record_seq',
      pg_catalog.nextval('script_tracking_internal.lost_record_seq'));
    v_counted := true;
    raise exception using errcode = 'transaction_rollback', message = 'counted';
  exception when others then
    null;
  end;
  begin
    if not v_counted then
      perform pg_catalog.nextval('script_tracking_internal.lost_record_seq');
    end if;
  exception when others then
    v_fault := 'lost and not counted';
  end;
  perform script_tracking_internal.log_fault(pg_catalog.concat('record of ', p_tag, ' ', v_fault), p_sqlstate, p_message);
end
$function$;
