-- requires: tenancy/member_tenants.sql, tenancy/is_maintenance.sql
-- Says that an operation lives. Writes the state table alone. From the first heartbeat on, upkeep goes by heartbeats and
-- no longer by the session: behind a pooler a session says nothing of its client.
create or replace function script_tracking.heartbeat(execution_hk bytea)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- a plan made while the state table was empty serves it when it is full
as $function$
declare
  v_identity  name := script_tracking_internal.session_identity();
  v_members   bytea[];
  v_superuser boolean;
begin
  update script_tracking_internal.running_operation as r
  set heartbeat_at = greatest(clock_timestamp(), r.execution_timestamp + interval '1 microsecond')
  where r.script_execution_hk = heartbeat.execution_hk and r.started_by = v_identity;
  if found then
    return true;
  end if;
  -- asked for a key that nobody has as well, so that the time does not tell it from somebody else's
  v_members := script_tracking_internal.member_tenants(v_identity);
  v_superuser := case when current_setting('is_superuser') = 'on'
    then not script_tracking_internal.is_maintenance() else false end;
  update script_tracking_internal.running_operation as r
  set heartbeat_at = greatest(clock_timestamp(), r.execution_timestamp + interval '1 microsecond')
  where r.script_execution_hk = heartbeat.execution_hk
    and (v_superuser or r.tenant_hk = any (v_members));
  return found;
end
$function$;
comment on function script_tracking.heartbeat(bytea) is
  'Says that an operation lives, and that heartbeats go on; false where the key is not running or not the caller''s';
