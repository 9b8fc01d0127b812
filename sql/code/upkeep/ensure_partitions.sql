-- requires: upkeep/vault_partition.sql, upkeep/protect_partition.sql
-- Keeps monthly partitions ready. The newest one reaches to MAXVALUE; it is split while it is empty, else it stays
-- wide and health says so. Returns how many partitions were made. Raises 55P03 when a lock is not had in 200 ms;
-- the caller tries again later.
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
  v_ahead  integer := (select s.value::integer from script_tracking_internal.setting as s where s.name = 'partitions.ahead');
  v_month  timestamptz := date_trunc('month', now());
  v_newest timestamptz;
  v_next   timestamptz;
  v_table  text;
  v_wide   record;
  v_filled boolean;
  v_made   integer := 0;
begin
  select max(p.lower_bound) into v_newest from script_tracking_internal.vault_partition as p;
  if v_newest >= v_month + make_interval(months => v_ahead) then
    return 0;
  end if;
  -- one at a time, installer included, and the event triggers know upkeep by it; only the owner can take it, readers do
  -- not feel it
  lock table script_tracking_internal.schema_migration in share row exclusive mode;
  loop
    select min(p.lower_bound) into v_newest
    from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity';
    exit when v_newest >= v_month + make_interval(months => v_ahead);
    for v_wide in
      select p.partition from script_tracking_internal.vault_partition as p where p.upper_bound = 'infinity'
    loop
      execute format('select exists (select from %s)', v_wide.partition) into v_filled;
      if v_filled then
        return v_made;
      end if;
    end loop;
    v_next := case when v_newest = '-infinity' then v_month else v_newest end + interval '1 month';
    foreach v_table in array array['script_execution_h', 'script_execution_s'] loop
      select p.partition, p.partition_name into strict v_wide
      from script_tracking_internal.vault_partition as p
      where p.relation = v_table and p.upper_bound = 'infinity';
      execute format('alter table script_tracking.%I detach partition %s', v_table, v_wide.partition);
      execute format('alter table script_tracking.%I attach partition %s for values from (%s) to (%L)',
        v_table, v_wide.partition, case when v_newest = '-infinity' then 'minvalue' else quote_literal(v_newest) end, v_next);
      execute format('create table script_tracking_internal.%I (like script_tracking.%I including all)',
        v_table || to_char(v_next, '_YYYYMM'), v_table);
      execute format('alter table script_tracking.%I attach partition script_tracking_internal.%I for values from (%L) to (maxvalue)',
        v_table, v_table || to_char(v_next, '_YYYYMM'), v_next);
      perform script_tracking_internal.protect_partition(v_wide.partition);
      perform script_tracking_internal.protect_partition(
        format('script_tracking_internal.%I', v_table || to_char(v_next, '_YYYYMM'))::regclass);
      v_made := v_made + 1;
    end loop;
  end loop;
  return v_made;
end
$function$;
