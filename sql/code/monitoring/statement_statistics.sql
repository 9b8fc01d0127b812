-- run-as: installer
-- What pg_stat_statements knows of these query ids in this database, for each user; no row where the extension is not
-- installed here, or the server does not load it. As the installing role, for pg_read_all_stats. The extension's schema is
-- taken from the catalog, and only that of an extension that a superuser owns.
create or replace function script_tracking_internal.statement_statistics(p_query_ids bigint[])
returns table (query_id bigint, user_id oid, calls bigint, mean_seconds double precision)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_schema name;
begin
  select n.nspname into v_schema
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  join pg_roles as r on r.oid = e.extowner and r.rolsuper
  where e.extname = 'pg_stat_statements';
  if found and cardinality(p_query_ids) > 0 then
    return query execute format(
      'select s.queryid, s.userid, sum(s.calls)::bigint, (sum(s.mean_exec_time * s.calls) / nullif(sum(s.calls), 0) / 1000)::double precision '
      'from %I.pg_stat_statements as s '
      'where s.queryid = any ($1) and s.dbid = (select d.oid from pg_database as d where d.datname = current_database()) '
      'group by 1, 2', v_schema) using p_query_ids;
  end if;
exception when object_not_in_prerequisite_state then
  return;  -- not in shared_preload_libraries
end
$function$;
revoke all on function script_tracking_internal.statement_statistics(bigint[]) from public;
grant execute on function script_tracking_internal.statement_statistics(bigint[]) to script_tracking_owner;
