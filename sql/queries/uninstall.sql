-- Statements that take the schema away.

-- name: built_on_it
-- What CASCADE would take that is not the tracker's, described.
with recursive own as (
  select 'pg_namespace'::regclass::oid as class, n.oid as object, %(with_records)s as going
  from pg_namespace as n where n.nspname in ('script_tracking', 'script_tracking_internal')
  union all
  select 'pg_namespace'::regclass, n.oid, true
  from pg_namespace as n where n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner'
  union all
  select 'pg_class'::regclass, c.oid, %(with_records)s or c.relkind = 'v'
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname in ('script_tracking', 'script_tracking_internal') and pg_get_userbyid(c.relowner) = 'script_tracking_owner'
  union all
  select 'pg_type'::regclass, t.oid, %(with_records)s
  from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
  where n.nspname in ('script_tracking', 'script_tracking_internal') and pg_get_userbyid(t.typowner) = 'script_tracking_owner'
  union all
  select 'pg_proc'::regclass, p.oid, %(with_records)s or p.proname <> 'protect_record'
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname in ('script_tracking', 'script_tracking_internal', 'auth')
    and (pg_get_userbyid(p.proowner) = 'script_tracking_owner'
      or (n.nspname = 'script_tracking_internal' and p.proname in ('sessions', 'log_name_pattern', 'log_place',
          'log_files', 'read_log', 'probe_log', 'create_slot', 'drop_slot', 'peek_slot', 'advance_slot', 'note_transactions', 'log_from',
          'backend_activity', 'horizon_holder', 'role_password_marks', 'secret_marks', 'log_line', 'session_activity',
          'session_progress', 'statement_statistics', 'lock_waits')))  -- belong to the installing role
  union all
  select 'pg_event_trigger'::regclass, e.oid, true from pg_event_trigger as e
  where e.evtname in ('et_ddl_command_start', 'et_ddl_command_end', 'et_sql_drop', 'et_table_rewrite')
), edge as (
  -- a dependent stands for itself, but a view's rule for the view; `part_of` is the table that it belongs to
  select d.refclassid, d.refobjid, d.refobjsubid,
    case when w.rulename = '_RETURN' then 'pg_class'::regclass else d.classid end as class,
    case when w.rulename = '_RETURN' then w.ev_class else d.objid end as object,
    case when w.rulename = '_RETURN' then 0 else d.objsubid end as part,
    coalesce(w.ev_class, a.adrelid, nullif(o.conrelid, 0), t.tgrelid, p.polrelid) as part_of
  from pg_depend as d
  left join pg_rewrite as w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
  left join pg_attrdef as a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid
  left join pg_constraint as o on d.classid = 'pg_constraint'::regclass and o.oid = d.objid
  left join pg_trigger as t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid
  left join pg_policy as p on d.classid = 'pg_policy'::regclass and p.oid = d.objid
  where d.deptype = 'n'
), taken (class, object, part) as (
  select e.class, e.object, e.part
  from own as f join edge as e on e.refclassid = f.class and e.refobjid = f.object
  where f.going
    and not exists (select from own as x where x.class = e.class and x.object = e.object)
    and not exists (select from own as x where x.class = 'pg_class'::regclass and x.object = e.part_of)
  union
  select e.class, e.object, e.part
  from taken as f join edge as e on e.refclassid = f.class and e.refobjid = f.object and f.part in (0, e.refobjsubid)
  where (e.class, e.object) <> (f.class, f.object)
)
select string_agg(distinct pg_describe_object(t.class, t.object, t.part), ', ') as names from taken as t

-- name: drop_event_triggers
do $uninstall$
declare
  v_statement text;
begin
  for v_statement in
    select format('drop event trigger %I', e.evtname) from pg_event_trigger as e
    where e.evtname in ('et_ddl_command_start', 'et_ddl_command_end', 'et_sql_drop', 'et_table_rewrite')
  loop
    execute v_statement;
  end loop;
end
$uninstall$;

-- name: drop_publication
drop publication if exists script_tracking_capture

-- name: drop_slot
-- After the functions are gone and nobody can make it anew; whoever reads it at the moment is waited for.
do $drop$
begin
  for v_try in 1..50 loop
    begin
      perform pg_drop_replication_slot(s.slot_name)
      from pg_replication_slots as s join pg_database as d on d.datname = s.database
      where d.datname = current_database() and s.slot_name = 'script_tracking_' || d.oid;
      return;
    exception when object_in_use then
      if v_try = 50 then
        raise;
      end if;
      perform pg_sleep(0.1);
    end;
  end loop;
end
$drop$

-- name: drop_auth
-- The login wrappers and their schema, where it is ours; what others put into it was asked for before.
do $drop$
begin
  if exists (select from pg_namespace as n where n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner') then
    drop function if exists auth.login_user_tracking(varchar, varchar, bytea), auth.register_user_tracking(jsonb) cascade;
    drop schema auth;
  end if;
end
$drop$

-- name: forget_code
delete from script_tracking_internal.schema_code

-- name: drop_functions
-- All of them are named before the first one goes: what one takes along has no name any more.
do $drop$
declare
  v_statements text[];
  v_statement text;
begin
  v_statements := array(
    select format('drop view if exists %I.%I cascade', n.nspname, c.relname) from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind = 'v'
    union all
    select format('drop function if exists %s cascade', p.oid::regprocedure) from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('script_tracking', 'script_tracking_internal') and p.proname <> 'protect_record'
  );
  foreach v_statement in array v_statements loop
    execute v_statement;
  end loop;
end
$drop$;

-- name: drop_everything
drop schema script_tracking, script_tracking_internal cascade

-- name: drop_roles
do $drop$
declare
  v_role text;
begin
  foreach v_role in array array['script_tracking_daemon', 'script_tracking_app', 'script_tracking_reader',
                                'script_tracking_auditor', 'script_tracking_owner']
  loop
    begin
      execute format('drop role if exists %I', v_role);
    exception when dependent_objects_still_exist then
      null;  -- another database of the cluster uses it
    end;
  end loop;
end
$drop$
