-- requires: rollup/recent_sums.sql
-- The roll-ups from p_from on, a whole hour, added up by series; where p_series is not NULL, of those series alone. p_is_kept says
-- that series_recent holds just that: it does but between the turn of an hour and the next roll-up, and where none runs.
-- Without settings, stable and not strict: so that it is inlined where it is called.
create or replace function script_tracking_internal.read_recent(p_series integer[], p_from timestamptz, p_is_kept boolean)
returns setof script_tracking_internal.series_recent
language sql stable parallel safe
as $function$
  select r.* from script_tracking_internal.series_recent as r where p_is_kept and p_series is null
  union all
  select r.* from script_tracking_internal.series_recent as r where p_is_kept and r.series_id operator(pg_catalog.=) any (p_series)
  union all
  select r.* from script_tracking_internal.recent_sums(p_series, p_from) as r where not p_is_kept
$function$;
