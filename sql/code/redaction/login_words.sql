-- Words of which one stands in every statement that defines who logs in where, as patterns for lower case; see secret_words().
create or replace function script_tracking_internal.login_words()
returns text[]
language sql immutable parallel safe
as $function$
  select array['%role%', '%user%', '%group%', '%server%', '%subscription%']
$function$;
