-- What a partition's name adds to its table's: the month or the day that it holds, else its first and its last day.
-- The caller has pinned time zone and date style.
create or replace function script_tracking_internal.partition_suffix(p_lower timestamptz, p_upper timestamptz)
returns text
language sql stable
as $function$
  select case
    when p_lower = '-infinity' then '_first'
    when p_lower = pg_catalog.date_trunc('month', p_lower) and p_upper = p_lower + interval '1 month'
      then pg_catalog.to_char(p_lower, '_YYYYMM')
    when p_upper = p_lower + interval '1 day' then pg_catalog.to_char(p_lower, '_YYYYMMDD')
    else pg_catalog.to_char(p_lower, '_YYYYMMDD') || pg_catalog.to_char(p_upper - interval '1 day', '_YYYYMMDD') end
$function$;
