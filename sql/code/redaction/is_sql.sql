-- Does a text begin as SQL or PL/pgSQL does? White space, comments and parentheses may come first.
create or replace function script_tracking_internal.is_sql(p_text text)
returns boolean
language sql immutable parallel safe
as $function$
  select pg_catalog.lower(pg_catalog.left(p_text, 4000) collate "C") operator(pg_catalog.~) (
    e'^(?:[[:space:](]|--[^\n]*\n|/[*](?:[^*]|[*]+[^*/])*[*]+/)*'
    '(?:abort|alter|analyze|begin|call|checkpoint|close|cluster|comment|commit|copy|create|deallocate|declare|delete|discard|do'
    '|drop|end|execute|explain|fetch|for|grant|if|import[[:space:]]+foreign|insert|listen|load|lock|loop|merge|move|notify|perform|prepare'
    '|raise|reassign|refresh|reindex|release|reset|return|revoke|rollback|savepoint|security|select|set|show|start|table'
    '|truncate|unlisten|update|vacuum|values|while|with|<<|#(?:option|variable_conflict|print_strict_params))(?:[^a-z0-9_:=]|$)')
$function$;
