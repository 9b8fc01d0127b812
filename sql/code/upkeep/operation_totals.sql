-- requires: rollup/pending_version.sql, upkeep/duration_bucket.sql
-- Totals as of now, in one statement and so one snapshot: what is rolled up plus the visible rows past the horizon.
-- The collectors that read it are volatile, though they change nothing: such a function takes its snapshot once it has its
-- locks. The caller's would be older than a removal of partitions that it has waited for: it would have neither the rows nor
-- the totals that took them in, and a counter would fall.
create or replace function script_tracking_internal.operation_totals()
returns table (tenant_hk bytea, script_type varchar, status varchar, error_class text, bucket smallint,
  operations bigint, duration_us numeric, tracking_us numeric)
language sql stable
as $function$
  select u.tenant_hk, u.script_type, u.status, u.error_class, u.bucket,
    pg_catalog.sum(u.operations)::bigint, pg_catalog.sum(u.duration_us), pg_catalog.sum(u.tracking_us)
  from (
    select t.tenant_hk, t.script_type, t.status, t.error_class, t.bucket, t.operations, t.duration_us, t.tracking_us
    from script_tracking_internal.operation_total as t
    union all
    select p.tenant_hk, p.script_type, p.status, p.error_class, script_tracking_internal.duration_bucket(p.duration_us), 1,
      coalesce(p.duration_us, 0), p.tracking_us
    from script_tracking_internal.pending_version as p where not p.revises
  ) as u
  group by 1, 2, 3, 4, 5
$function$;
