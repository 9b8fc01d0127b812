-- Whether the setting event_triggers (17 and newer) keeps event triggers from firing, though they stand: here, by the server's
-- configuration most often, or in what connects anew to this database, in some role at least.
create or replace function script_tracking_internal.event_triggers_off()
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(current_setting('event_triggers', true) = 'off', false) or exists (
    select from pg_db_role_setting as s cross join lateral unnest(s.setconfig) as c (setting)
    where (s.setdatabase = 0 or s.setdatabase = (select d.oid from pg_database as d where d.datname = current_database()))
      and c.setting ~* '^event_triggers=(off?|f|fa|fal|fals|false|no?|0)$')
$function$;
