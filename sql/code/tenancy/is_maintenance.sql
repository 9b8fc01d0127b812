-- Whether this is run by what maintains a table: ANALYZE (autovacuum's, too), VACUUM, CREATE INDEX, REINDEX, CLUSTER, a materialized
-- view as it is filled. There PostgreSQL runs functions of the table's owner in the session of whoever maintains it, and with the owner's
-- rights: session_identity() then does not say whose code asks. CLOSE is refused there, and looks for no cursor.
create or replace function script_tracking_internal.is_maintenance()
returns boolean
language plpgsql volatile
as $function$
begin
  execute 'close "script_tracking of nobody"';
  return false;
exception
  when insufficient_privilege then
    return true;
  when invalid_cursor_name then
    return false;
end
$function$;
