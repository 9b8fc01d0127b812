-- requires: redaction/is_suspect.sql, redaction/is_sql.sql, redaction/redact_prose.sql
-- What may be shown of the value of a string in SQL, which may be SQL itself, a connection string, JSON or prose; NULL
-- where it cannot be judged. p_prose is false for a body in dollar quotes: there name = value is code.
create or replace function script_tracking_internal.redact_literal(p_value text, p_prose boolean, p_depth integer)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_text text;
begin
  if not script_tracking_internal.is_suspect(p_value) then
    return p_value;
  end if;
  -- what is read once for each level that it stands in takes no longer than a text of one level
  if p_depth > 8 or length(p_value)::bigint * (p_depth + 1) > 100000 then
    return null;
  end if;
  if script_tracking_internal.is_sql(p_value) then
    v_text := script_tracking_internal.redact_code(p_value, p_depth);
    if v_text is not null and p_prose then
      v_text := script_tracking_internal.redact_prose(v_text, false);
    end if;
  else
    v_text := script_tracking_internal.redact_prose(p_value, false);
    -- where it is no SQL either, what announces the secret has been seen
    v_text := coalesce(script_tracking_internal.redact_code(v_text, p_depth), v_text);
  end if;
  return v_text;
end
$function$;
