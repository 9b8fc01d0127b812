-- requires: upkeep/vault_partition.sql, upkeep/lock_partitions.sql, upkeep/roll_up.sql, retention/carry_partition.sql, retention/is_partition_in_use.sql, retention/partition_keepers.sql, retention/disposal.sql, retention/fits_archive.sql, retention/is_archived.sql, rules/record_change.sql
-- Removes whole partitions that nothing keeps, the oldest first, at most p_at_most, and returns how many executions went.
-- p_days as in partition_keepers(). A NOTICE tells of each partition that is past p_days and stays.
-- What takes long, to find out and to reckon what has to outlive it, is done while everybody reads and writes; then all
-- locks are taken at once, what was found is looked at again, by index, and the partitions go. The caller has pinned its settings.
create or replace function script_tracking_internal.remove_partitions(p_days integer, p_at_most integer)
returns bigint
language plpgsql volatile
as $function$
declare
  v_part    record;
  v_keepers text;
  v_archived boolean := script_tracking_internal.disposal() = 'archived';
  v_ends    timestamptz[] := '{}';
  v_rows    bigint;
  v_removed bigint := 0;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = '25001',
      message = 'partitions are removed in read committed transactions only: an older snapshot does not see what they hold';
  end if;
  -- one at a time, installer included, and the event triggers know upkeep by it; only the owner can take it, readers do
  -- not feel it
  lock table script_tracking_internal.schema_migration in share row exclusive mode;
  -- a hold or retention that is to be had by now is seen below, a later one waits until this has ended
  lock table script_tracking_internal.legal_hold, script_tracking_internal.tenant_retention in share mode;
  perform script_tracking_internal.roll_up();
  for v_part in
    select p.partition, p.lower_bound, p.upper_bound, h.partition as hub
    from script_tracking_internal.vault_partition as p
    join script_tracking_internal.vault_partition as h
      on h.relation = 'script_execution_h' and h.upper_bound = p.upper_bound
    where p.relation = 'script_execution_s' and p.upper_bound <= now()
    order by p.upper_bound
  loop
    select string_agg(k.keeper || coalesce(' until ' || nullif(k.kept_until, 'infinity'), ''), '; ') into v_keepers
    from script_tracking_internal.partition_keepers(v_part.partition, v_part.lower_bound, v_part.upper_bound, p_days) as k;
    if v_keepers is not null then
      if v_part.upper_bound <= now() - make_interval(days => p_days) then
        raise notice '% stays: %', v_part.partition, v_keepers;
      end if;
      continue;
    elsif cardinality(v_ends) = p_at_most then
      raise notice '% and perhaps more can go as well: call again', v_part.partition;
      exit;
    elsif v_archived and not script_tracking_internal.fits_archive(v_part.upper_bound) then
      -- nothing that the tracker does leads there
      raise notice '% stays: it does not hold as many rows as its archive', v_part.partition;
      continue;
    end if;
    perform script_tracking_internal.carry_partition(v_part.partition);
    execute format('select count(*) from %s', v_part.hub) into strict v_rows;
    v_removed := v_removed + v_rows;
    v_ends := v_ends || v_part.upper_bound;
  end loop;
  if v_ends = '{}' then
    return 0;
  end if;
  -- beforehand: this waits for whoever does the same, and what follows must not
  update script_tracking_internal.retention_state as s
  set removed_at = clock_timestamp(), removed_partitions = s.removed_partitions + cardinality(v_ends),
      removed_executions = s.removed_executions + v_removed;
  perform script_tracking_internal.record_change('remove_partitions', null,
    jsonb_build_object('executions', v_removed, 'began_before', v_ends[cardinality(v_ends)], 'archived', nullif(v_archived, false),
      'partitions', (
      select jsonb_agg(p.partition_name order by p.upper_bound, p.place)
      from script_tracking_internal.vault_partition as p where p.upper_bound = any (v_ends))), null);
  for v_try in 1..10 loop
    begin
      perform script_tracking_internal.lock_partitions(array(
        select p.partition from script_tracking_internal.vault_partition as p
        where p.upper_bound = any (v_ends) order by p.place, p.upper_bound));
      exit;
    exception when lock_not_available then
      if v_try = 10 then
        raise;
      end if;
    end;
    perform pg_sleep(0.1);  -- what was had of the locks is given back, and whoever waited goes on; the reckoning stays
  end loop;
  for v_part in
    select p.* from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_s' and p.upper_bound = any (v_ends)
  loop
    if script_tracking_internal.is_partition_in_use(v_part.partition, v_part.lower_bound, v_part.upper_bound)
      or v_archived and not script_tracking_internal.is_archived(v_part.partition, v_part.lower_bound, v_part.upper_bound)
    then
      raise exception using errcode = '55P03', message = format('%s was written to while it was to be removed', v_part.partition);
    end if;
  end loop;
  -- one statement, which the event triggers record as one
  execute 'drop table ' || (
    select string_agg(p.partition::text, ', ' order by p.place, p.upper_bound)
    from script_tracking_internal.vault_partition as p where p.upper_bound = any (v_ends));
  return v_removed;
end
$function$;
