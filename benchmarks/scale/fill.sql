-- Executions of one stretch of time, written straight into tables that are no partitions yet: hub, and one or two versions.
-- Half of them belong to the first tenant, the rest to the others alike; a quarter is DDL, of which the most common names
-- come up most; the share of failures and the spread of durations are made up, the hashes are real.
with numbered as (
  select n, p_lower + (p_upper - p_lower) * (n / p_count::double precision) as started_at,
    random() as tenant, random() as kind, random() as name, random() as outcome, exp(11.5 + 1.8 * random_normal()) as us
  from (values ({lower}::timestamptz, {upper}::timestamptz, {count}::integer)) as p (p_lower, p_upper, p_count)
  cross join generate_series(0, p_count - 1) as n
), drawn as materialized (
  select d.n, d.started_at, t.tenant_hk, d.kind < 0.25 as is_ddl,
    case when d.kind < 0.25 then 'DDL'
      else (array['BATCH', 'ETL', 'REPORT', 'IMPORT', 'MIGRATION'])[1 + floor(d.kind * 5)::integer % 5] end as script_type,
    case when d.kind < 0.25
      then (array['CREATE TABLE', 'ALTER TABLE', 'CREATE INDEX', 'DROP TABLE', 'COMMENT', 'GRANT', 'CREATE VIEW'])
        [1 + floor(d.name * 7)::integer]
      else 'nightly-job-' || floor(300 * d.name ^ 3)::integer end as script_name,
    case when d.outcome < 0.955 then 'COMPLETED' when d.outcome < 0.99 then 'FAILED'
      when d.kind < 0.25 then 'ROLLED_BACK' else 'INTERRUPTED' end as status,
    least(d.us, 7.2e9)::bigint as duration_us,
    replace(gen_random_uuid()::text, '-', '') as suffix,
    floor(d.name * 5000)::integer as relation
  from numbered as d
  join unnest({tenants}::bytea[]) with ordinality as t (tenant_hk, place)
    on t.place = case when d.tenant < 0.5 then 1 else 2 + floor((d.tenant - 0.5) * 98)::integer end
), keyed as materialized (
  select d.*, b.bk, sha256(convert_to(b.bk, 'UTF8')) as hk, i.incarnation,
    i.record_source || case when d.is_ddl then '/event_trigger/v1' else '/operation/v1' end as record_source,
    case when d.is_ddl then array['public.relation_' || d.relation] end as objects,
    case when d.is_ddl then lower(d.script_name) || ' relation_' || d.relation || ' (id bigint, note text)' end as sql_command,
    case when d.status = 'FAILED'
      then 'relation "relation_' || d.relation || '" does not exist, line ' || (d.n % 40) end as message,
    case when d.is_ddl then jsonb_build_object('evidence', 'trigger', 'attempt_id', d.suffix, 'ordinal', 1, 'batch_id',
        (extract(epoch from d.started_at) * 1000000)::bigint || '-' || (d.n % 30000),
        'objects', jsonb_build_array(jsonb_build_object(
          'type', 'table', 'schema', 'public', 'name', 'public.relation_' || d.relation, 'oid', (20000 + d.relation)::text)))
      else jsonb_build_object('evidence', 'client') end
    || jsonb_build_object('pid', d.n % 30000, 'effective_role', 'application') as began
  from drawn as d
  cross join lateral (select script_tracking_internal.business_key(d.script_name, d.started_at, d.suffix) as bk) as b
  cross join script_tracking_internal.installation as i
  order by d.started_at
), hub as (
  insert into {hub} (script_execution_hk, script_execution_bk, tenant_hk, load_date, record_source)
  select k.hk, k.bk, k.tenant_hk, k.started_at, k.record_source from keyed as k
), version as (
  select k.*, v.status as execution_status, v.load_date, v.load_end_date, v.duration_ms, v.error_message, v.metadata
  from keyed as k
  cross join lateral (
    select 'RUNNING' as status, k.started_at + interval '100 microseconds' as load_date,
      k.started_at + make_interval(secs => (k.duration_us + 200) / 1e6) as load_end_date,
      null::integer as duration_ms, null::text as error_message, k.began as metadata
    where not k.is_ddl
    union all
    select k.status, k.started_at + make_interval(secs => (k.duration_us + 200) / 1e6), null, (k.duration_us / 1000)::integer,
      k.message, k.began || jsonb_build_object('duration_us', k.duration_us, 'tracking_us', 90 + k.n % 50)
        || jsonb_strip_nulls(jsonb_build_object('sqlstate', case when k.message is not null then '42P01' end))) as v
)
insert into {satellite}
  (script_execution_hk, load_date, load_end_date, hash_diff, script_name, script_type, execution_status, execution_timestamp,
   execution_duration_ms, db_session_user, client_ip, affected_objects, sql_command, error_message, metadata,
   record_source, tenant_hk, incarnation)
select v.hk, v.load_date, v.load_end_date,
  script_tracking_internal.hash_diff(v.tenant_hk, v.script_name, v.script_type, v.execution_status, v.started_at, v.duration_ms,
    'application', null, v.objects, v.sql_command, v.error_message, v.metadata),
  v.script_name, v.script_type, v.execution_status, v.started_at, v.duration_ms, 'application', null, v.objects,
  v.sql_command, v.error_message, v.metadata, v.record_source, v.tenant_hk, v.incarnation
from version as v
