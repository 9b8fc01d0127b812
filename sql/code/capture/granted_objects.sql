-- requires: capture/default_acl_name.sql, capture/own_write.sql, capture/recorded_floor.sql, capture/named_in.sql
-- What GRANT, REVOKE or ALTER DEFAULT PRIVILEGES changed, with the privileges that stand afterwards: PostgreSQL reports
-- the kind of object only. p_type is that kind; the names in the statement decide between what this transaction has
-- changed otherwise since its last record, where they name any of it.
-- A column without a privilege has no acl any more, where everything else keeps an empty one: of such columns those that the
-- statement names, or that were written by the same command as their table, which REVOKE on the table does.
-- Of more than 1,000 the last element tells how many more there are.
create or replace function script_tracking_internal.granted_objects(p_type text, p_statement text)
returns jsonb
language sql stable
as $function$
  with said as materialized (  -- once, not for each object
    select script_tracking_internal.named_in(p_statement) as words, script_tracking_internal.recorded_floor() as floor
  ), changed as (
    select case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view'
        when 'f' then 'foreign table' else 'table' end as type, n.nspname as schema,
      pg_catalog.format('%I.%I', n.nspname, c.relname) as name, c.oid, c.relname as word, c.relacl as acl, c.xmin, c.cmin
    from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where (p_type = 'TABLE' or p_type = 'SEQUENCE' and c.relkind = 'S') and c.relacl is not null
    union all
    select 'table column', n.nspname, pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname), c.oid, c.relname,
      a.attacl, a.xmin, a.cmin
    from pg_catalog.pg_attribute as a
      join pg_catalog.pg_class as c on c.oid = a.attrelid
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where p_type = 'TABLE' and a.attacl is not null
    union all
    select 'table column', n.nspname, pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname), c.oid, c.relname,
      '{}', a.xmin, a.cmin
    from said
      cross join pg_catalog.pg_class as c
      join pg_catalog.pg_attribute as a on a.attrelid = c.oid
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where p_type = 'TABLE' and a.attacl is null and a.attnum > 0 and not a.attisdropped and (
      c.relname = any (said.words) and a.attname = any (said.words)
      or c.relacl is not null and a.cmin = c.cmin and script_tracking_internal.own_write(c.xmin, c.cmin, said.floor))
    union all
    select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end, n.nspname,
      -- as CREATE and DROP tell it: with the types of arguments alone
      (pg_catalog.pg_identify_object('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0)).identity, p.oid,
      p.proname, p.proacl, p.xmin, p.cmin
    from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where p_type in ('FUNCTION', 'PROCEDURE', 'ROUTINE') and p.proacl is not null
    union all
    select 'type', n.nspname, pg_catalog.format('%I.%I', n.nspname, t.typname), t.oid, t.typname, t.typacl, t.xmin, t.cmin
    from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    where p_type in ('TYPE', 'DOMAIN') and t.typacl is not null
    union all
    select 'schema', null, pg_catalog.quote_ident(n.nspname), n.oid, n.nspname, n.nspacl, n.xmin, n.cmin
    from pg_catalog.pg_namespace as n where p_type = 'SCHEMA' and n.nspacl is not null
    union all
    select 'language', null, pg_catalog.quote_ident(l.lanname), l.oid, l.lanname, l.lanacl, l.xmin, l.cmin
    from pg_catalog.pg_language as l where p_type = 'LANGUAGE' and l.lanacl is not null
    union all
    select 'foreign-data wrapper', null, pg_catalog.quote_ident(w.fdwname), w.oid, w.fdwname, w.fdwacl, w.xmin, w.cmin
    from pg_catalog.pg_foreign_data_wrapper as w where p_type = 'FOREIGN DATA WRAPPER' and w.fdwacl is not null
    union all
    select 'server', null, pg_catalog.quote_ident(s.srvname), s.oid, s.srvname, s.srvacl, s.xmin, s.cmin
    from pg_catalog.pg_foreign_server as s where p_type = 'FOREIGN SERVER' and s.srvacl is not null
    union all
    select 'large object', null, m.oid::text, m.oid, m.oid::text, m.lomacl, m.xmin, m.cmin
    from pg_catalog.pg_largeobject_metadata as m where p_type = 'LARGE OBJECT' and m.lomacl is not null
    union all
    select 'default acl', n.nspname,
      script_tracking_internal.default_acl_name(pg_catalog.pg_get_userbyid(d.defaclrole), n.nspname, d.defaclobjtype::text),
      d.oid, null, d.defaclacl, d.xmin, d.cmin
    from pg_catalog.pg_default_acl as d left join pg_catalog.pg_namespace as n on n.oid = d.defaclnamespace
    where p_type in ('TABLES', 'SEQUENCES', 'FUNCTIONS', 'ROUTINES', 'TYPES', 'SCHEMAS', 'LARGE OBJECTS')
  ), own as (
    select c.*, coalesce(c.word = any (said.words), false) as named
    from changed as c cross join said
    where script_tracking_internal.own_write(c.xmin, c.cmin, said.floor)
  )
  select pg_catalog.jsonb_agg(pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'type', o.type, 'schema', o.schema, 'name', o.name, 'oid', o.oid, 'acl', o.acl::text[])) order by o.name)
    operator(pg_catalog.||) case when max(o.total) > 1000
      then pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('unlisted', max(o.total) - 1000)) else '[]' end
  from (select o.*, count(*) over () as total from own as o where o.named or not exists (select from own as n where n.named) order by (o.schema like 'script\_tracking%') desc nulls last, o.name limit 1000) as o
$function$;
