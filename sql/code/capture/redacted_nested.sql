-- requires: capture/attempt_mac.sql, vault/redact.sql, vault/utf8_text.sql
-- What may be stored of a statement that another one runs. A long one is judged once, as redacted_query() does with the
-- client's: it may be a script, whose whole text the context shows to each of its statements. Kept until the end of the
-- transaction, a few in turn, and authenticated.
create or replace function script_tracking_internal.redacted_nested(p_key bytea, p_statement text)
returns text
language plpgsql volatile
as $function$
declare
  v_place text;
  v_name  text;
  v_kept  text;
  v_text  text;
begin
  if pg_catalog.length(p_statement) >= 1000 then
    if pg_catalog.getdatabaseencoding() <> 'UTF8' then
      p_statement := script_tracking_internal.utf8_text(p_statement, false);
    end if;
    v_place := pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p_statement, 'UTF8')), 'hex');
    v_name := 'script_tracking_internal.nested_' || pg_catalog.left(v_place, 1);
    v_kept := pg_catalog.current_setting(v_name, true);
    v_text := pg_catalog.substr(v_kept, 33);
    if pg_catalog.left(v_kept, 32) = script_tracking_internal.attempt_mac(p_key, v_place, 'nested', v_text) then
      return case when v_text = '=' then p_statement else v_text end;
    end if;
  end if;
  v_text := script_tracking_internal.redact(p_statement);
  if v_place is not null then
    v_kept := case when v_text = p_statement then '=' else v_text end;
    v_kept := pg_catalog.set_config(v_name,
      script_tracking_internal.attempt_mac(p_key, v_place, 'nested', v_kept) || v_kept, true);
  end if;
  return v_text;
end
$function$;
