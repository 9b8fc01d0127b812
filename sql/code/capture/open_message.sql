-- requires: capture/message_mac.sql
-- The payload of a message under our prefix, or NULL where it is not what an event trigger emitted: anybody may emit under
-- any prefix, and any bytes. Content is 64 hexadecimal digits and the JSON that they authenticate, in the database's encoding.
create or replace function script_tracking_internal.open_message(p_content bytea)
returns jsonb
language plpgsql stable
as $function$
declare
  v_payload text;
begin
  v_payload := pg_catalog.convert_from(pg_catalog.substring(p_content, 65), pg_catalog.getdatabaseencoding());
  if pg_catalog.encode(pg_catalog.substring(p_content, 1, 64), 'escape') = script_tracking_internal.message_mac(v_payload) then
    return v_payload::jsonb;
  end if;
  return null;
exception when data_exception then
  return null;
end
$function$;
