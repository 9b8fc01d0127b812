-- requires: upkeep/sessions.sql
-- When this life of the server began: at its start, after its last crash, which the postmaster outlives, or at its promotion.
create or replace function script_tracking_internal.server_began()
returns timestamptz
language sql volatile
as $function$
  select coalesce(
    (select pg_catalog.max(s.backend_start) from script_tracking_internal.sessions() as s where s.is_wal_writer),
    pg_catalog.pg_postmaster_start_time())
$function$;
