-- requires: upkeep/vault_partition.sql, upkeep/partition_suffix.sql, upkeep/make_partition.sql, upkeep/attach_partition.sql, upkeep/lock_partitions.sql, reconcile/settle_guards.sql
-- Ends the newest partition of every partitioned table at the first of the bounds, and makes one from each of them to the next,
-- the last to MAXVALUE. The newest ones are empty, or have a valid check constraint partition_cut of these bounds, so that
-- nothing is read under the locks; the constraint goes. Returns how many partitions were made. The caller has pinned its settings
-- and holds the lock of upkeep.
create or replace function script_tracking_internal.split_newest(p_bounds timestamptz[], p_step interval)
returns integer
language plpgsql volatile
as $function$
declare
  v_new    regclass[] := '{}';
  v_wide   record;
  v_filled boolean;
  v_suffix text;
  v_made   integer := 0;
begin
  -- made beforehand, as nobody waits for them
  for v_wide in
    select p.* from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' order by p.place
  loop
    for v_place in 1 .. cardinality(p_bounds) loop
      v_new := v_new || script_tracking_internal.make_partition(v_wide.relation, script_tracking_internal.partition_suffix(
        p_bounds[v_place], coalesce(p_bounds[v_place + 1], p_bounds[v_place] + p_step)));
    end loop;
  end loop;
  perform script_tracking_internal.lock_partitions(array(
    select p.partition from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' order by p.place));
  for v_wide in
    select p.*, script_tracking_internal.partition_suffix(p.lower_bound, p_bounds[1]) as suffix,
      exists (select from pg_constraint as o where o.conrelid = p.partition and o.conname = 'partition_cut') as cut
    from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' order by p.place
  loop
    execute format('select exists (select from %s)', v_wide.partition) into v_filled;
    if v_filled and not v_wide.cut then
      raise exception using errcode = '55P03', message = 'the newest partition was written to while it was to be split';
    end if;
    execute format('alter table script_tracking.%I detach partition %s', v_wide.relation, v_wide.partition);
    perform script_tracking_internal.attach_partition(v_wide.relation, v_wide.partition, v_wide.lower_bound, p_bounds[1]);
    if v_wide.cut then
      execute format('alter table %s drop constraint partition_cut', v_wide.partition);
    end if;
    if v_wide.partition_name <> v_wide.relation || v_wide.suffix then
      execute format('alter table %s rename to %I', v_wide.partition, v_wide.relation || v_wide.suffix);
    end if;
    for v_place in 1 .. cardinality(p_bounds) loop
      perform script_tracking_internal.attach_partition(v_wide.relation, v_new[1], p_bounds[v_place],
        coalesce(p_bounds[v_place + 1], 'infinity'));
      v_new := v_new[2:];
      v_made := v_made + 1;
    end loop;
  end loop;
  perform script_tracking_internal.settle_guards(1259);
  return v_made;
end
$function$;
