-- Who acts: the role the session has taken by SET ROLE, else the one that logged in.
-- Inside a SECURITY DEFINER function current_user is the owner and says nothing about the caller.
create or replace function script_tracking_internal.session_identity()
returns name
language sql stable parallel restricted
as $function$
  select coalesce(nullif(pg_catalog.current_setting('role'), 'none')::name, session_user)
$function$;
