-- Failures of the last hours that the caller may see, grouped by what failed and how.
create or replace function script_tracking.get_recent_errors(hours integer)
returns table (
  tenant text, script_type varchar, script_name varchar, error_class text, error_sqlstate text, error_message text,
  errors bigint, first_seen_at timestamptz, last_seen_at timestamptz, last_execution_hk bytea)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select t.tenant_bk::text, s.script_type, s.script_name,
    case when s.metadata ->> 'sqlstate' ~ '^[0-9A-Z]{5}$' then left(s.metadata ->> 'sqlstate', 2) else 'unknown' end,
    s.metadata ->> 'sqlstate', s.error_message, count(*), min(s.execution_timestamp), max(s.execution_timestamp),
    (array_agg(s.script_execution_hk order by s.execution_timestamp desc))[1]
  from script_tracking.script_execution_s as s
  join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
  where s.load_end_date is null and s.execution_status in ('FAILED', 'INTERRUPTED')
    and s.execution_timestamp >= now() - make_interval(hours => get_recent_errors.hours)
  group by 1, 2, 3, 4, 5, 6
  order by 9 desc
$function$;
comment on function script_tracking.get_recent_errors(integer) is
  'Failed and interrupted executions of the last hours (integer >= 0) that the caller may see, by name, SQLSTATE and message';
