-- requires: vault/hmac_sha256.sql
-- What stands for an e-mail in the record: its HMAC under this database's own key, after white space around it went and
-- the letters A to Z were made small (as in the collation "C", so that no server's locale makes two of one). NULL for none.
create or replace function script_tracking_internal.email_hmac(p_email text)
returns bytea
language plpgsql stable
as $function$
declare
  v_email text := pg_catalog.lower(pg_catalog.btrim(p_email, e' \t\n\r\f\v') collate "C");
begin
  if v_email is null or v_email operator(pg_catalog.=) '' then
    return null;
  end if;
  return (
    select script_tracking_internal.hmac_sha256(k.inner_key, k.outer_key, pg_catalog.convert_to(v_email, 'UTF8'))
    from script_tracking_internal.login_key as k);
exception when character_not_in_repertoire or untranslatable_character then
  return null;  -- bytes that are no text, as a database of encoding SQL_ASCII takes them: the message would quote them
end
$function$;
