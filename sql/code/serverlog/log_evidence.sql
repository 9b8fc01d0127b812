-- What a record says of the entry of the server's log that it has its error from.
create or replace function script_tracking_internal.log_evidence(p_error script_tracking_internal.log_error)
returns jsonb
language sql immutable
as $function$
  select pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'session', p_error.session_id, 'line', p_error.line,
    'ends_session', p_error.entry -> 'ends_session',
    'detail', p_error.entry -> 'detail', 'hint', p_error.entry -> 'hint', 'context', p_error.entry -> 'context',
    'query', p_error.entry -> 'query', 'position', p_error.entry -> 'position'))
$function$;
