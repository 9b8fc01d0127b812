-- requires: redaction/lex.sql, tenancy/session_identity.sql
-- Whether a text drops or alters the tracker's schemas by name, or drops what belongs to its owners or was granted to its
-- roles. Asked before DROP SCHEMA, ALTER SCHEMA and DROP OWNED run, since with the schemas go the functions that could
-- refuse it afterwards, and a right that is revoked is no object that is dropped. Only what stands as a statement counts.
create or replace function script_tracking_internal.drops_tracker(p_statement text)
returns boolean
language plpgsql stable
as $function$
declare
  v_state text := '';
  v_token record;
  v_owner name;
  v_own   name[] := array['script_tracking', 'script_tracking_internal'];
  v_roles name[] := array['script_tracking_owner', 'script_tracking_daemon', 'script_tracking_app', 'script_tracking_reader',
    'script_tracking_auditor'];
begin
  if p_statement !~* 'script_tracking|auth|owned|u&"' then  -- few statements do, and to read them closely is slow
    return false;
  end if;
  select pg_catalog.pg_get_userbyid(e.evtowner) into v_owner
  from pg_catalog.pg_event_trigger as e where e.evtname = 'et_ddl_command_end';
  v_own := v_own || array(
    select n.nspname from pg_catalog.pg_namespace as n
    where n.nspname = 'auth' and pg_catalog.pg_get_userbyid(n.nspowner) = 'script_tracking_owner');
  for v_token in
    select l.kind, l.value from script_tracking_internal.lex(p_statement) as l where l.kind <> 'c'
  loop
    v_state := case
      when v_token.kind = 'o' and v_token.value like '%;%' then ''
      when v_state in ('schema', 'owned') then v_state
      when v_token.kind = 'w' and (v_token.value = 'schema' and v_state in ('drop', 'alter') or v_token.value = 'owned' and v_state = 'drop')
        then v_token.value
      when v_token.kind = 'w' and v_token.value in ('drop', 'alter') then v_token.value
      else '' end;
    if v_state = 'schema' and v_token.value = any (v_own)
      or v_state = 'owned' and (v_token.value = any (v_roles || v_owner)
        or v_token.kind = 'w' and (v_token.value = 'session_user' and session_user = any (v_roles)
          or v_token.value in ('current_user', 'current_role') and script_tracking_internal.session_identity() = any (v_roles)))
    then
      return true;
    end if;
  end loop;
  return false;
end
$function$;
