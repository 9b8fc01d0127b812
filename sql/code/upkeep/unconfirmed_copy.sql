-- For the daemon: the record_source prefix of the original where this is a copy that nobody has confirmed, else NULL.
-- A copy lives in another cluster or in another database than the tracker was installed in, whatever their names: known
-- before ensure_incarnation() has noted it. A standby has its primary's identifier and oid, also once it is promoted.
create or replace function script_tracking_internal.unconfirmed_copy()
returns text
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select case
    when i.copied_from is not null then i.copied_from
    when i.system_identifier <> (select c.system_identifier::text from pg_control_system() as c)
      or i.database_oid <> (select d.oid from pg_database as d where d.datname = current_database())
      then i.record_source end
  from script_tracking_internal.installation as i
$function$;
