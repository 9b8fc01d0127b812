-- How default privileges are named in the record, as they have no name: by the role whose objects they are for, the schema
-- (NULL: all), and the kind of objects by the letter of pg_default_acl.defaclobjtype.
create or replace function script_tracking_internal.default_acl_name(p_role text, p_schema text, p_kind text)
returns text
language sql immutable
as $function$
  select pg_catalog.format('for role %I%s on %s', p_role, ' in schema ' || pg_catalog.quote_ident(p_schema),
    case p_kind when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
      when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end)
$function$;
