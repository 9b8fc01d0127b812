-- requires: rollup/read_scripts.sql, rollup/top_scripts.sql
-- Fills script_top up: take_in() has taken out what is no more right. Not more than 500 at once; the
-- others have their turn the next time. The caller holds the lock on rollup_state.
create or replace function script_tracking_internal.rank_scripts()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_day    timestamptz := (select date_bin('1 day', r.recent_since, '2000-01-01 00:00+00') from script_tracking_internal.rollup_state as r);
  v_series integer[] := array(
    select r.series_id from script_tracking_internal.series_recent as r
    where r.executions > 0 and not exists (select from script_tracking_internal.script_top as t where t.series_id = r.series_id)
    limit 500);
begin
  if v_series = '{}' then
    return;
  end if;
  insert into script_tracking_internal.script_top (series_id, slowest_scripts, most_frequent_scripts)
  select s.series_id, coalesce(t.slowest_scripts, '[]'), coalesce(t.most_frequent_scripts, '[]')
  from unnest(v_series) as s (series_id)
  left join script_tracking_internal.top_scripts(
    array(select d from script_tracking_internal.read_scripts(v_series, v_day) as d)) as t on t.series_id = s.series_id;
end
$function$;
