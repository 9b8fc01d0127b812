-- requires: upkeep/rebuild_totals.sql, upkeep/note_encoding.sql
-- Notices that the data lives in another cluster or database, or in a cluster whose transaction counter lies below the
-- horizon (a restore, a copy, an upgraded cluster): opens a new incarnation and rebuilds the totals. Returns the incarnation.
-- Another cluster or database makes it a copy, to be confirmed by confirm_copy(); an older counter alone does not.
-- Rows of the earlier cluster may carry higher xids than this one has reached, so xids compare within an incarnation only.
create or replace function script_tracking_internal.ensure_incarnation()
returns integer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_system      text := (select c.system_identifier::text from pg_control_system() as c);
  v_database    oid := (select d.oid from pg_database as d where d.datname = current_database());
  v_incarnation integer;
begin
  perform script_tracking_internal.note_encoding();
  select i.incarnation into v_incarnation
  from script_tracking_internal.installation as i, script_tracking_internal.rollup_state as r
  where i.system_identifier = v_system and i.database_oid = v_database
    and r.horizon <= pg_snapshot_xmax(pg_current_snapshot())
    -- a migration that resets the horizon leaves earlier incarnations to a rebuild
    and (i.incarnation = 1 or r.horizon > '0'::xid8);
  if found then
    return v_incarnation;
  end if;
  update script_tracking_internal.installation as i
  set incarnation = i.incarnation + 1, system_identifier = v_system, database_oid = v_database,
      copied_from = case when i.system_identifier <> v_system or i.database_oid <> v_database then i.record_source
        else i.copied_from end,
      copy_found_at = case when i.system_identifier <> v_system or i.database_oid <> v_database then clock_timestamp()
        else i.copy_found_at end,
      record_source = coalesce(nullif(current_setting('cluster_name'), ''), v_system) || '/' || current_database()
  where i.system_identifier <> v_system or i.database_oid <> v_database
    or exists (select from script_tracking_internal.rollup_state as r
               where r.horizon > pg_snapshot_xmax(pg_current_snapshot()))
  returning i.incarnation into v_incarnation;
  if not found then
    select i.incarnation into v_incarnation from script_tracking_internal.installation as i;
  end if;
  if v_incarnation > 1 then
    perform script_tracking_internal.rebuild_totals();
  end if;
  return v_incarnation;
end
$function$;
