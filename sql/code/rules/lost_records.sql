-- Records that were lost, since the installation and since they were last acknowledged.
create or replace function script_tracking_internal.lost_records(out total bigint, out unacknowledged bigint)
language sql stable
as $function$
  select q.lost, greatest(q.lost - coalesce((
    select a.lost_through from script_tracking_internal.loss_acknowledgement as a
    order by a.acknowledgement_id desc limit 1), 0), 0)
  from (select case when s.is_called then s.last_value else 0 end as lost
        from script_tracking_internal.lost_record_seq as s) as q
$function$;
