-- requires: auth/open_login.sql, auth/check_password.sql
-- First step of auth.login_user_tracking, with the owner's rights: whose attempt it is, and, where the reference
-- implementation is to judge it, the judgement. A refused tenant calls nothing of the host's.
-- No argument makes it raise: the server would log the client's statement, and the password with it.
create or replace function script_tracking_internal.begin_login(p_email text, p_password text, p_tenant_hk bytea)
returns jsonb
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set enable_seqscan = off  -- a plan made while there were few attempts serves it when there are many
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
declare
  v_opened jsonb := script_tracking_internal.open_login('LOGIN', p_email, p_tenant_hk, false);
begin
  return case
    when v_opened ->> 'calls' = 'reference' then script_tracking_internal.check_password(v_opened, p_password)
    when v_opened ? 'refused' then v_opened || '{"outcome": "refused"}'
    else v_opened end;
end
$function$;
