-- requires: rules/lost_records.sql
-- For the daemon: what a superuser decided about the capture, and what came of it.
create or replace function script_tracking_internal.collect_rules()
returns table (paused integer, noise_rules bigint, noise_ddl_total bigint, fail_closed_policies bigint,
  refused_ddl_total bigint, unreadable_policies_total bigint, unacknowledged_losses bigint,
  unannounced_ddl_total bigint, guarded_ddl_total bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select (select count(*) from script_tracking_internal.tracking_pause as p where p.resumed_at is null)::integer,
    (select count(*) from script_tracking_internal.noise_rule),
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.noise_ddl_seq as q),
    (select count(*) from script_tracking_internal.capture_policy as p where p.fail_closed),
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.refused_ddl_seq as q),
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.unreadable_policy_seq as q),
    (select l.unacknowledged from script_tracking_internal.lost_records() as l),
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.unannounced_ddl_seq as q),
    (select case when q.is_called then q.last_value else 0 end from script_tracking_internal.guarded_ddl_seq as q)
$function$;
