-- requires: capture/attempt_mac.sql, vault/redact.sql, vault/utf8_text.sql
-- What may be stored of a long client string, for each of its statements: judged once, for a script of many statements is
-- searched in time that grows with its square otherwise. Kept until the end of the transaction, and authenticated, as
-- anybody may set a setting: "=" where nothing was taken out, else the text.
create or replace function script_tracking_internal.redacted_query(p_key bytea, p_batch text)
returns text
language plpgsql volatile
as $function$
declare
  v_query text := case when pg_catalog.getdatabaseencoding() = 'UTF8' then pg_catalog.current_query()
    else script_tracking_internal.utf8_text(pg_catalog.current_query(), false) end;
  v_kept  text := pg_catalog.current_setting('script_tracking_internal.query', true);
  v_text  text := pg_catalog.substr(v_kept, 33);
  v_place text := pg_catalog.concat(p_batch, ' ', pg_catalog.length(v_query));
begin
  if pg_catalog.left(v_kept, 32) = script_tracking_internal.attempt_mac(p_key, v_place, 'query', v_text) then
    return case when v_text = '=' then v_query else v_text end;
  end if;
  v_text := script_tracking_internal.redact(v_query);
  v_kept := case when v_text = v_query then '=' else v_text end;
  v_kept := pg_catalog.set_config('script_tracking_internal.query',
    script_tracking_internal.attempt_mac(p_key, v_place, 'query', v_kept) || v_kept, true);
  return v_text;
end
$function$;
