-- Whether a version tells of captured DDL that change windows and references are for. Not what declares itself to be DDL; what the
-- comparison of the catalogs found, as nobody knows when that was done; what the tracker does to its own tables, as retention
-- drops partitions; and versions that revise another one.
create or replace function script_tracking_internal.is_to_be_judged(
  p_script_type varchar, p_execution_status varchar, p_metadata jsonb)
returns boolean
language sql immutable parallel safe
as $function$
  select p_execution_status operator(pg_catalog.<>) 'RUNNING' and p_script_type operator(pg_catalog.=) 'DDL'
    and p_metadata operator(pg_catalog.->>) 'evidence' in ('trigger', 'wal', 'server_log')
    and not p_metadata operator(pg_catalog.?) 'revises'
    -- nobody else's succeeds there
    and not (p_execution_status operator(pg_catalog.=) 'COMPLETED'
      and p_metadata operator(pg_catalog.@?) '$.objects[*].schema'::pg_catalog.jsonpath
      and not p_metadata operator(pg_catalog.@?)
        '$.objects[*] ? (!(@.schema == "script_tracking_internal" || @.schema == "script_tracking"))'::pg_catalog.jsonpath)
$function$;
