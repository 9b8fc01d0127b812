-- requires: rollup/recent_sums.sql
-- Begins series_recent and script_top anew where another hour has come. The caller holds the lock on rollup_state; what take_in() adds to the
-- hours it adds to series_recent as well; rank_scripts() fills script_top.
create or replace function script_tracking_internal.begin_recent()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_since timestamptz := date_bin('1 hour', now(), '2000-01-01 00:00+00') - interval '24 hours';
begin
  if (select r.recent_since = v_since from script_tracking_internal.rollup_state as r) then
    return;
  end if;
  delete from script_tracking_internal.series_recent;
  delete from script_tracking_internal.script_top;
  insert into script_tracking_internal.series_recent select s.* from script_tracking_internal.recent_sums(null, v_since) as s;
  update script_tracking_internal.rollup_state set recent_since = v_since;
end
$function$;
