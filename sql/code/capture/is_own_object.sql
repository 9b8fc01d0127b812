-- Whether an object, as the event triggers tell it, is one of the tracker's schemas or stands in them; auth is where it is the
-- owner's. A policy, trigger or
-- rule has no schema of its own: its name ends with its table's, or
-- begins with it where it was dropped. What a publication holds is the publication's.
create or replace function script_tracking_internal.is_own_object(p_type text, p_schema text, p_name text)
returns boolean
language sql stable parallel safe
as $function$
  select coalesce(case when p_type in ('policy', 'trigger', 'rule')
      then p_name operator(pg_catalog.~) '^script_tracking(_internal)?[.]| on script_tracking(_internal)?[.][a-z0-9_]+$'
    when p_type like 'publication%' then false
    else case when p_type = 'schema' then p_name else p_schema end in ('script_tracking', 'script_tracking_internal')
      or case when p_type = 'schema' then p_name else p_schema end = 'auth' and exists (
        select from pg_catalog.pg_namespace as n
        where n.nspname = 'auth' and pg_catalog.pg_get_userbyid(n.nspowner) = 'script_tracking_owner') end, false)
$function$;
