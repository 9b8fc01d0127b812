-- requires: redaction/is_suspect.sql, redaction/is_sql.sql, redaction/redact_prose.sql, redaction/redact_code.sql
-- What may be stored of a statement in which announces_secret() or defines_login() sees a word: with [redacted] in the place of each secret;
-- withheld whole, with its length, where it cannot be judged.
create or replace function script_tracking_internal.redact_suspect(p_text text)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_text text;
begin
  if length(p_text) <= 1000000 then  -- a regular expression needs four bytes of memory for each
    if not script_tracking_internal.is_suspect(p_text) then
      return p_text;
    end if;
    if length(p_text) <= 100000 then  -- two to six microseconds for each
      v_text := case when script_tracking_internal.is_sql(p_text) then p_text
        else script_tracking_internal.redact_prose(p_text, false) end;
      v_text := script_tracking_internal.redact_code(v_text, 0);
    end if;
  end if;
  return coalesce(v_text, '[withheld: ' || length(p_text)::text || ' characters that may hold a secret]');
end
$function$;
