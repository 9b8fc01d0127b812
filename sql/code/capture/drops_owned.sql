-- requires: redaction/lex.sql, capture/attempt_mac.sql, tenancy/session_identity.sql
-- Whether a text drops what belongs to the tracker's owners, or was granted to its roles, by DROP OWNED. Asked before that runs, as
-- drops_tracker() is before other statements: a right that is revoked is no object that is dropped.
-- What is noted of a long text holds for who runs it: one may do so by other names than his own.
create or replace function script_tracking_internal.drops_owned(p_statement text)
returns boolean
language plpgsql volatile
as $function$
declare
  v_roles name[] := array['script_tracking_owner', 'script_tracking_daemon', 'script_tracking_app', 'script_tracking_reader',
    'script_tracking_auditor'];
  v_actor name := script_tracking_internal.session_identity();
  v_owner name;
  v_state text := '';
  v_note  text;
  v_token record;
begin
  select pg_catalog.pg_get_userbyid(e.evtowner) into v_owner
  from pg_catalog.pg_event_trigger as e where e.evtname = 'et_ddl_command_end';
  if pg_catalog.length(p_statement) >= 1000 then
    select script_tracking_internal.attempt_mac(
        i.state_key, h.digest, 'nothing of a role for',
        pg_catalog.concat(session_user = any (v_roles), v_actor = any (v_roles))) into v_note
    from script_tracking_internal.installation as i
    cross join lateral pg_catalog.encode(pg_catalog.sha256(
      pg_catalog.convert_to(p_statement, pg_catalog.getdatabaseencoding())), 'hex') as h (digest);
    if v_note = pg_catalog.current_setting('script_tracking_internal.spares_owned', true) then
      return false;
    end if;
  end if;
  for v_token in
    select l.kind, l.value from script_tracking_internal.lex(p_statement) as l where l.kind <> 'c'
  loop
    v_state := case
      when v_token.kind = 'o' and v_token.value like '%;%' then ''
      when v_state = 'owned' then v_state
      when v_token.kind = 'w' and v_token.value = 'owned' and v_state = 'drop' then v_token.value
      when v_token.kind = 'w' and v_token.value = 'drop' then v_token.value
      else '' end;
    if v_state = 'owned' and (v_token.value = any (v_roles || v_owner)
      or v_token.kind = 'w' and (v_token.value = 'session_user' and session_user = any (v_roles)
        or v_token.value in ('current_user', 'current_role') and v_actor = any (v_roles)))
    then
      return true;
    end if;
  end loop;
  if v_note is not null then
    v_note := pg_catalog.set_config('script_tracking_internal.spares_owned', v_note, true);
  end if;
  return false;
end
$function$;
