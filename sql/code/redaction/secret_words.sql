-- requires: redaction/secret_list.sql
-- The words of secret_list() as patterns for texts. In functions that are inlined, like announces_secret(), it becomes a constant.
create or replace function script_tracking_internal.secret_words()
returns text[]
language sql immutable parallel safe
as $function$
  select pg_catalog.string_to_array(script_tracking_internal.secret_list(), '|')
$function$;
