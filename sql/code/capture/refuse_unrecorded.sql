-- requires: rules/refusing_policy.sql, capture/fault_text.sql
-- Refuses a statement of which something cannot be recorded, where a policy says so; else nothing. p_what is what cannot be, with
-- p_sqlstate and p_message of the reason.
create or replace function script_tracking_internal.refuse_unrecorded(
  p_tag text, p_claim text, p_what text, p_sqlstate text, p_message text)
returns void
language plpgsql volatile
as $function$
declare
  v_policy text := script_tracking_internal.refusing_policy(p_tag, p_claim);
begin
  if v_policy is not null then
    raise exception using errcode = 'ST005',
      message = pg_catalog.format('%s refused: %s, and the policy is %s', p_tag, p_what, v_policy),
      detail = 'What kept it from being recorded: ' operator(pg_catalog.||) script_tracking_internal.fault_text(p_sqlstate, p_message),
      hint = 'A superuser lifts the policy by script_tracking.set_capture_policy() or repairs the tracker: see docs/operations.md.';
  end if;
end
$function$;
