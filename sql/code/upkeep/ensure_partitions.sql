-- requires: upkeep/vault_partition.sql, upkeep/complete_partitions.sql, upkeep/split_newest.sql
-- Keeps partitions ready, the same of every partitioned table, of a month or a day by the setting partitions.interval. The
-- newest one reaches to MAXVALUE; it is split while it is empty, else it stays wide, health says so, and cut_newest() ends it.
-- Returns how many partitions were made, of at most 8 periods: nobody is to wait for long. Raises 55P03 when a lock is not
-- had in 100 ms; the caller tries again later.
create or replace function script_tracking_internal.ensure_partitions()
returns integer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set lock_timeout = '200ms'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_unit   text := (select s.value from script_tracking_internal.setting as s where s.name = 'partitions.interval');
  v_ahead  integer := (select s.value::integer from script_tracking_internal.setting as s where s.name = 'partitions.ahead');
  v_step   interval := ('1 ' || v_unit)::interval;
  v_wanted timestamptz := date_trunc(v_unit, now()) + v_ahead * v_step;
  v_newest timestamptz;
  v_bounds timestamptz[] := '{}';
  v_wide   regclass;
  v_filled boolean;
  v_made   integer;
begin
  select min(p.lower_bound) into v_newest
  from script_tracking_internal.vault_partition as p where p.relation = 'script_execution_s' and p.upper_bound = 'infinity';
  if v_newest >= v_wanted and not exists (
    select from script_tracking_internal.vault_partition as p
    group by p.lower_bound having count(*) < (select count(*) from script_tracking_internal.partitioned_tables()))
  then
    return 0;
  end if;
  -- one at a time, installer included, and the event triggers know upkeep by it; only the owner can take it, readers do
  -- not feel it
  lock table script_tracking_internal.schema_migration in share row exclusive mode;
  v_made := script_tracking_internal.complete_partitions();
  select min(p.lower_bound) into v_newest
  from script_tracking_internal.vault_partition as p where p.relation = 'script_execution_s' and p.upper_bound = 'infinity';
  while v_newest < v_wanted and cardinality(v_bounds) < 8 loop
    -- time that has passed without a record gets no partitions of its own
    v_newest := date_trunc(v_unit, greatest(v_newest, now())) + v_step;
    v_bounds := v_bounds || v_newest;
  end loop;
  if v_bounds = '{}' then
    return v_made;
  end if;
  for v_wide in select p.partition from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity' loop
    execute format('select exists (select from %s)', v_wide) into v_filled;
    if v_filled then
      return v_made;
    end if;
  end loop;
  return v_made + script_tracking_internal.split_newest(v_bounds, v_step);
end
$function$;
