-- requires: redaction/redact_text.sql
-- The reason that a superuser gives for a change, as it may be kept: at most 1000 characters, not empty.
create or replace function script_tracking_internal.checked_reason(p_reason text)
returns text
language plpgsql immutable
as $function$
begin
  if coalesce(pg_catalog.btrim(p_reason), '') = '' or pg_catalog.length(p_reason) > 1000 then
    raise exception using errcode = 'ST003', message = 'the reason must have 1 to 1000 characters: it goes on record';
  end if;
  return script_tracking_internal.redact_text(p_reason);
end
$function$;
