-- requires: upkeep/duration_bucket.sql, upkeep/error_class.sql
-- final_version of one detached partition: the same reckoning, for cleanup_old_data to carry.
create or replace function script_tracking_internal.counted_versions(p_partition regclass)
returns table (tenant_hk bytea, script_type varchar, status varchar, error_class text, bucket smallint,
  duration_us bigint, tracking_us bigint)
language plpgsql stable
as $function$
begin
  return query execute pg_catalog.format($query$
    select s.tenant_hk, s.script_type, s.execution_status,
      script_tracking_internal.error_class(s.execution_status, s.metadata),
      script_tracking_internal.duration_bucket(d.us), coalesce(d.us, 0), coalesce((s.metadata ->> 'tracking_us')::bigint, 0)
    from %s as s
    cross join lateral (
      select coalesce((s.metadata ->> 'duration_us')::bigint, s.execution_duration_ms::bigint * 1000) as us) as d
    where s.execution_status <> 'RUNNING' and not s.metadata ? 'revises' and s.incarnation > 0$query$, p_partition);
end
$function$;
