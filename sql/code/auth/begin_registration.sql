-- requires: auth/open_login.sql, auth/add_user.sql, operation/hex_key.sql
-- First step of auth.register_user_tracking, with the owner's rights. Reads of user_data email, password and tenant_hk
-- (hexadecimal; without it the tenant is the session's, as track_operation has it). No argument makes it raise.
create or replace function script_tracking_internal.begin_registration(p_user_data jsonb)
returns jsonb
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
declare
  v_is_object boolean := coalesce(jsonb_typeof(p_user_data) = 'object', false);
  v_data      jsonb := case when v_is_object then p_user_data else '{}' end;
  v_opened    jsonb := script_tracking_internal.open_login('REGISTRATION',
    case when jsonb_typeof(v_data -> 'email') = 'string' then v_data ->> 'email' end,
    script_tracking_internal.hex_key(case when jsonb_typeof(v_data -> 'tenant_hk') = 'string' then v_data ->> 'tenant_hk' end),
    not v_data ? 'tenant_hk');
begin
  if not v_is_object then
    return v_opened || '{"outcome": "refused", "answer":
      {"success": false, "error": "invalid_data", "message": "user_data must be a JSON object"}}';
  end if;
  return case
    when v_opened ->> 'calls' = 'reference' then script_tracking_internal.add_user(v_opened,
      case when jsonb_typeof(v_data -> 'password') = 'string' then v_data ->> 'password' end)
    when v_opened ? 'refused' then v_opened || '{"outcome": "refused"}'
    else v_opened end;
end
$function$;
