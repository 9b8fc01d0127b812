-- requires: capture/installing_role.sql, check/own_functions.sql, check/own_relations.sql, upkeep/partitioned_tables.sql
-- What stands between the record and a change of it, and does not stand as it should: a row for each thing that is amiss.
-- The same as verify asks, for the health checks, which run all the time; of rights only those by which the tracker itself works.
-- Nobody but a superuser can bring that about.
create or replace function script_tracking_internal.unprotected_tables()
returns table (relation text, lacks text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plpgsql.extra_errors = 'none'
set random_page_cost = 1.1  -- catalogs are in memory: what is the tracker's is found by an index
as $function$
#variable_conflict use_column
begin
  return query
  with owner as materialized (
    select to_regrole('script_tracking_owner')::oid as oid
  ), relation as materialized (  -- each catalog is read once
    select c.*, c.relacl is not null as has_acl, format('%I.%I', c.schema_name, c.relname) as name
    from script_tracking_internal.own_relations() as c
  ), own as materialized (
    select r.* from relation as r where r.relkind in ('r', 'p')
  ), function as materialized (
    select p.*, p.proacl is not null as has_acl from script_tracking_internal.own_functions() as p
  ), append_only (base, triggers) as (  -- name, tgtype, columns, arguments (may_end), as in sql/queries/verify.sql
    values ('script_execution_h', array['protect_rows 27', 'protect_truncate 34']),
      ('script_execution_s', array['protect_deletes 11', 'protect_truncate 34', 'protect_updates 19 6d61795f656e6400']),
      ('script_execution_change_s', array['protect_rows 27', 'protect_truncate 34']),
      ('change_rules', array['protect_rows 27', 'protect_truncate 34']),
      ('partition_archive', array['protect_rows 27', 'protect_truncate 34']),
      ('tenant_h', array['protect_columns 19 1 3 4', 'protect_deletes 11', 'protect_truncate 34']),
      ('tenant_s', array['protect_deletes 11', 'protect_truncate 34', 'protect_updates 19 6d61795f656e6400'])
  ), guarded as materialized (
    select o.oid, o.name, o.relkind, o.relispartition, a.triggers
    from append_only as a join own as o on o.relname = a.base or starts_with(o.relname, a.base || '_')
  ), standing as materialized (
    select t.tgrelid, array_agg(concat_ws(' ', t.tgname, t.tgtype, nullif(t.tgattr::text, ''),
      nullif(encode(t.tgargs, 'hex'), ''), case when t.tgqual is not null then 'when' end)) as triggers
    from pg_trigger as t
    where t.tgrelid in (select g.oid from guarded as g) and t.tgenabled = 'A'
      and t.tgfoid = (select to_regprocedure('script_tracking_internal.protect_record()')::oid)
    group by 1
  ), policy as materialized (
    select p.polrelid, array_agg(p.polname) as names,
      bool_or(p.polname = 'owner_all' and p.polroles = array[(select w.oid from owner as w)]) as owners
    from pg_policy as p where p.polrelid in (select o.oid from own as o) group by 1
  )
  select g.name, 'trigger ' || split_part(w.trigger, ' ', 1)
  from guarded as g cross join lateral unnest(g.triggers) as w (trigger)
  left join standing as s on s.tgrelid = g.oid
  where not coalesce(w.trigger = any (s.triggers), false)
  union all
  select g.name, 'its place as a partition' from guarded as g where g.relkind = 'r' and not g.relispartition
    and exists (select from script_tracking_internal.partitioned_tables() as t where g.name ~ format('[.]%s_', t.relation))
  -- of these the parent shows no row, though they still are partitions
  union all
  select o.name, 'its place as a partition: a detachment of it began and did not end'
  from pg_inherits as i join own as o on o.oid = i.inhrelid where i.inhdetachpending
  -- whose rows would be the record's; of a temporary one to its own session
  union all
  select o.name, format('nothing, but has a child of somebody else''s (%s): "alter table %1$s no inherit %s", or end the session '
    'whose temporary table it is', i.inhrelid::regclass, o.name)
  from pg_inherits as i join own as o on o.oid = i.inhparent
  where i.inhrelid not in (select p.oid from own as p where p.relispartition)
  -- which every row that is written pays for
  union all
  select o.name, format('nothing, but has an index of somebody else''s (%s)', x.indexrelid::regclass)
  from pg_index as x join own as o on o.oid = x.indrelid join pg_class as c on c.oid = x.indexrelid
  where not x.indisvalid or o.relispartition and not c.relispartition
  union all
  -- which change or swallow what is written; a foreign key of somebody's has triggers of the server's own
  select o.name, format('nothing, but has a trigger of somebody else''s (%I)', t.tgname)
  from pg_trigger as t join own as o on o.oid = t.tgrelid
  where not t.tgisinternal and t.tgfoid is distinct from (select to_regprocedure('script_tracking_internal.protect_record()')::oid)
    and not (t.tgname = 'merge_tenant' and t.tgenabled in ('R', 'D') and t.tgtype = 23 and o.relname in ('tenant_h', 'tenant_s')
      and t.tgfoid = (select to_regprocedure('script_tracking_internal.merge_tenant()')::oid))
  union all
  select o.name, format('nothing, but has a rule of somebody else''s (%I)', w.rulename)
  from pg_rewrite as w join own as o on o.oid = w.ev_class
  union all
  select o.name, 'logging: it is empty after a crash' from own as o where o.relpersistence <> 'p'
  union all
  select o.name, 'forced row-level security' from own as o where not o.secured
  union all
  select o.name, 'policy owner_all' from own as o left join policy as p on p.polrelid = o.oid where not coalesce(p.owners, false)
  union all
  select o.name, 'nothing, but has a policy of somebody else''s' from own as o join policy as p on p.polrelid = o.oid
  where not p.names <@ '{owner_all,read_visible,read_ledger}'::name[]
  union all
  select o.name, 'owner script_tracking_owner' from own as o
  where o.relowner is distinct from (select w.oid from owner as w)
  -- REASSIGN OWNED takes them all, and fires no event trigger. Which function is the installing role's, verify knows.
  union all
  select 'schema ' || n.nspname, 'owner script_tracking_owner' from pg_namespace as n
  where n.nspname in ('script_tracking', 'script_tracking_internal')
    and n.nspowner is distinct from (select w.oid from owner as w)
  union all
  select 'a function of ' || p.schema_name, 'owner script_tracking_owner' from function as p
  where p.proowner is distinct from (select w.oid from owner as w)
    and p.proowner not in (select r.oid from pg_roles as r where r.rolsuper
      union all select e.evtowner from pg_event_trigger as e where e.evtname = 'et_ddl_command_end'
      union all select r.oid from pg_roles as r where r.rolname = script_tracking_internal.installing_role())
  union all
  select c.name, 'owner script_tracking_owner' from relation as c
  where c.relkind in ('v', 'S') and c.relowner is distinct from (select w.oid from owner as w)
  -- rights that its functions work by, and which somebody may have revoked from the owner himself
  union all
  select l.name, 'a right of its owner'
  from (
    select c.relkind, c.oid, c.name from relation as c where c.has_acl and c.relowner = (select w.oid from owner as w)
    union all
    select 'n', n.oid, 'schema ' || n.nspname from pg_namespace as n
    where n.nspname in ('script_tracking', 'script_tracking_internal') and n.nspowner = (select w.oid from owner as w)
    union all
    select 'f', p.oid, 'a function of ' || p.schema_name from function as p where p.has_acl and p.proowner = (select w.oid from owner as w)
    offset 0) as l
  cross join owner as w
  where not case
    when l.relkind in ('r', 'p') then has_table_privilege(w.oid, l.oid, 'select')
      and has_table_privilege(w.oid, l.oid, 'insert') and has_table_privilege(w.oid, l.oid, 'update')
      and has_table_privilege(w.oid, l.oid, 'delete')
    when l.relkind = 'v' then has_table_privilege(w.oid, l.oid, 'select')
    when l.relkind = 'S' then has_sequence_privilege(w.oid, l.oid, 'usage')
      and has_sequence_privilege(w.oid, l.oid, 'select')
      and has_sequence_privilege(w.oid, l.oid, 'update')
    when l.relkind = 'n' then has_schema_privilege(w.oid, l.oid, 'usage')
    when l.relkind = 'f' then has_function_privilege(w.oid, l.oid, 'execute')
    else true end;
end
$function$;
