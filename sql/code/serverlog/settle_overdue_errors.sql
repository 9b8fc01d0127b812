-- requires: serverlog/attempt_of_error.sql, serverlog/hand_error.sql
-- Errors that got a record of their own because their attempt was not read for too long: once it is, that record stands for the
-- attempt whose command the log names, which gets no second one. Those around it and within it get theirs.
-- For judge_attempts(), before it has anything recorded.
create or replace function script_tracking_internal.settle_overdue_errors()
returns void
language plpgsql volatile
as $function$
declare
  v_error   script_tracking_internal.log_error;
  v_attempt text;
  v_told    text;
  v_all     boolean;  -- whether every attempt that may be its own was read
begin
  for v_error in
    select e.* from script_tracking_internal.log_error as e
    where e.entry ? 'overdue' order by e.logged_at, e.session_id, e.line
  loop
    select s.read_lsn >= v_error.noted_lsn into v_all from script_tracking_internal.capture_state as s;
    v_attempt := script_tracking_internal.attempt_of_error(v_error);
    -- of what has announced its end no other can come
    if v_all or exists (
      select from script_tracking_internal.attempt as a where a.attempt_id = v_attempt and a.ended_at is not null)
    then
      with recursive around as (
        select a.attempt_id, a.tag, a.payload ->> 'parent' as parent, 0 as steps
        from script_tracking_internal.attempt as a where a.attempt_id = v_attempt
        union all
        select a.attempt_id, a.tag, a.payload ->> 'parent', n.steps + 1
        from around as n join script_tracking_internal.attempt as a on a.attempt_id = n.parent)
      select r.attempt_id into v_told from around as r
      order by case when r.tag = v_error.entry ->> 'tag' then -r.steps - 1 else r.steps end
      limit 1;
      perform script_tracking_internal.hand_error(v_error, v_attempt, v_told);
      update script_tracking_internal.log_error as e set entry = e.entry - 'overdue'
      where e.session_id = v_error.session_id and e.line = v_error.line;
    end if;
  end loop;
end
$function$;
