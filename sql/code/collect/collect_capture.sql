-- requires: upkeep/operation_totals.sql, upkeep/final_version.sql, upkeep/vault_partition.sql
-- For the daemon: state of the tracker itself.
create or replace function script_tracking_internal.collect_capture()
returns table (level text, lost_records_total bigint, temporary_ddl_total bigint, tracking_seconds_total double precision, rollup_lag_seconds double precision, partitions_ahead integer, refused_claims_total bigint, lacks text)
language sql volatile  -- takes its snapshot once it has its locks: see operation_totals
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
  select i.capture_level,
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.lost_record_seq as q),
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.temporary_ddl_seq as q),
    (select coalesce(sum(o.tracking_us), 0) / 1000000 from script_tracking_internal.operation_totals() as o)::double precision,
    coalesce((select extract(epoch from clock_timestamp() - min(f.load_date)) from script_tracking_internal.final_version as f
      where f.xid >= (select r.horizon from script_tracking_internal.rollup_state as r)
        and f.incarnation = (select i.incarnation from script_tracking_internal.installation as i)), 0)::double precision,
    (select count(*) from script_tracking_internal.vault_partition as p
     where p.relation = 'script_execution_s' and p.lower_bound > now())::integer,
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.refused_claim_seq as q),
    s.lacks
  from script_tracking_internal.installation as i cross join script_tracking_internal.capture_state as s
$function$;
