-- requires: upkeep/ensure_partitions.sql, upkeep/vault_partition.sql, upkeep/protect_partition.sql, upkeep/ensure_incarnation.sql, reconcile/settle_own.sql, reconcile/settle_guards.sql, capture/note_guards.sql
-- The installer's last step: partitions ready and protected, incarnation known, baseline taken (the first time).
create or replace function script_tracking_internal.finish_install()
returns void
language plpgsql volatile
as $function$
begin
  perform script_tracking_internal.ensure_incarnation();
  while script_tracking_internal.ensure_partitions() > 0 loop
    null;  -- some at a time
  end loop;
  perform script_tracking_internal.protect_partition(p.partition, p.append_only) from script_tracking_internal.vault_partition as p;
  perform script_tracking_internal.settle_own();
  perform script_tracking_internal.settle_guards();
  perform script_tracking_internal.note_guards();
end
$function$;
