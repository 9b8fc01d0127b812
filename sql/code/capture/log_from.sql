-- run-as: installer
-- Writes only messages from a severity up to the server's log until the transaction ends, or this is called again; false
-- where the installing role may not say so, such as a managed service's admin.
create or replace function script_tracking_internal.log_from(p_severity text)
returns boolean
language plpgsql volatile
as $function$
begin
  perform pg_catalog.set_config('log_min_messages', p_severity, true);
  return true;
exception when insufficient_privilege then
  return false;
end
$function$;
revoke all on function script_tracking_internal.log_from(text) from public;
