-- requires: retention/remove_partitions.sql, retention/disposal.sql
-- Removes whole partitions once the longest retention of their tenants and every hold have passed: retention_days for
-- tenants without a retention of their own. Only what the setting retention.disposable declares disposable goes: by default
-- nothing, and a NOTICE says so; where the setting retention.archive is on, only what is archived.
-- A partition stays while an operation of it runs, or while the totals have not taken all its rows in.
-- Returns the number of executions removed. Raises ST003 for a negative retention, 55P03 when a lock is not had in ten times 100 ms.
create or replace function script_tracking.cleanup_old_data(retention_days integer)
returns integer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set lock_timeout = '200ms'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_disposal text := script_tracking_internal.disposal();
begin
  if cleanup_old_data.retention_days is null or cleanup_old_data.retention_days < 0 then
    raise exception using errcode = 'ST003', message = 'retention_days must be zero or more';
  elsif v_disposal = 'disputed' then
    raise notice 'nothing removed: an exporter is configured to archive, and the setting retention.archive is off'
      using hint = 'A superuser has it archived first by: update script_tracking_internal.setting set value = ''on'' where name = ''retention.archive''';
    return 0;
  elsif v_disposal = 'none' then
    raise notice 'nothing removed: the setting retention.disposable is none'
      using hint = 'A superuser declares the record disposable by: update script_tracking_internal.setting set value = ''all'' where name = ''retention.disposable''';
    return 0;
  end if;
  return least(script_tracking_internal.remove_partitions(cleanup_old_data.retention_days, 24), 2147483647)::integer;
end
$function$;
comment on function script_tracking.cleanup_old_data(integer) is
  'Removes whole partitions past every retention (retention_days >= 0 where a tenant has none of its own) and hold, where the setting retention.disposable allows it, and where retention.archive is on only what is archived; at most 24 a call; returns the number of executions removed, a NOTICE tells of what stays';
