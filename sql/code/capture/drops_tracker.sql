-- requires: redaction/lex.sql, capture/attempt_mac.sql
-- Whether a text drops or alters the tracker's schemas by name. Asked before DROP SCHEMA and ALTER SCHEMA run, since with the
-- schemas go the functions that could refuse it afterwards. Only what stands as a statement counts.
-- Of a long text, which may be a script of many such statements, each of which shows it whole, it is noted until the end of
-- the transaction that it does not, and authenticated, as anybody may set a setting.
create or replace function script_tracking_internal.drops_tracker(p_statement text)
returns boolean
language plpgsql volatile
as $function$
declare
  v_own   name[] := array['script_tracking', 'script_tracking_internal'];
  v_state text := '';
  v_note  text;
  v_token record;
begin
  v_own := v_own || array(
    select n.nspname from pg_catalog.pg_namespace as n
    where n.nspname = 'auth' and pg_catalog.pg_get_userbyid(n.nspowner) = 'script_tracking_owner');
  if pg_catalog.length(p_statement) >= 1000 then
    select script_tracking_internal.attempt_mac(
        i.state_key, h.digest, 'no schema of', pg_catalog.cardinality(v_own)::text) into v_note
    from script_tracking_internal.installation as i
    cross join lateral pg_catalog.encode(pg_catalog.sha256(
      pg_catalog.convert_to(p_statement, pg_catalog.getdatabaseencoding())), 'hex') as h (digest);
    if v_note = pg_catalog.current_setting('script_tracking_internal.spares_schemas', true) then
      return false;
    end if;
  end if;
  -- few statements name one, and to read them closely is slow
  if p_statement ~* 'script_tracking|u&"' or v_own[3] is not null and p_statement ~* '[[:<:]]auth[[:>:]]' then
    for v_token in
      select l.kind, l.value from script_tracking_internal.lex(p_statement) as l where l.kind <> 'c'
    loop
      v_state := case
        when v_token.kind = 'o' and v_token.value like '%;%' then ''
        when v_state = 'schema' then v_state
        when v_token.kind = 'w' and v_token.value = 'schema' and v_state in ('drop', 'alter') then v_token.value
        when v_token.kind = 'w' and v_token.value in ('drop', 'alter') then v_token.value
        else '' end;
      if v_state = 'schema' and v_token.value = any (v_own) then
        return true;
      end if;
    end loop;
  end if;
  if v_note is not null then
    v_note := pg_catalog.set_config('script_tracking_internal.spares_schemas', v_note, true);
  end if;
  return false;
end
$function$;
