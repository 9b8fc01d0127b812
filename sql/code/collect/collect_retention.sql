-- For the daemon: holds, what was removed so far, and what the record may take by the setting storage.warning_bytes.
create or replace function script_tracking_internal.collect_retention()
returns table (legal_holds bigint, own_retentions bigint, removed_partitions_total bigint, removed_executions_total bigint,
  storage_limit_bytes bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select (select count(*) from script_tracking_internal.legal_hold as h where h.released_at is null),
    (select count(*) from script_tracking_internal.tenant_retention), s.removed_partitions, s.removed_executions,
    (select l.value::bigint from script_tracking_internal.setting as l
     where l.name = 'storage.warning_bytes' and l.value ~ '^[0-9]{1,18}$')
  from script_tracking_internal.retention_state as s
$function$;
