-- requires: capture/event_triggers.sql, check/own_relations.sql
-- A digest of each event trigger with the function that it calls, and of each policy of the record and function by which
-- tenants are told apart. By names and texts, not oids: a restored database has the same.
create or replace function script_tracking_internal.guard_marks()
returns table (kind text, name text, mark text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
begin
  return query
  with routine as materialized (
    select p.oid, n.nspname, p.proname, concat_ws(' ', pg_get_userbyid(p.proowner), p.prosecdef, p.proconfig::text, p.prosrc,
      pg_get_function_sqlbody(p.oid)) as text
    from (
      select e.evtfoid as oid, 'script_tracking' as schema from pg_event_trigger as e
      union  -- each by an index of its own
      select g.oid, 'script_tracking_internal' from pg_proc as g
      where g.proname in ('session_identity', 'member_tenants', 'tenants_of', 'visible_tenants', 'tenants_shown_to', 'is_maintenance')
    ) as w join pg_proc as p on p.oid = w.oid join pg_namespace as n on n.oid = p.pronamespace and n.nspname = w.schema
  )
  select 'event_trigger', e.evtname::text,
    md5(concat_ws(' ', pg_get_userbyid(e.evtowner), e.evtevent, e.evttags::text, r.nspname, r.proname, r.text))
  from pg_event_trigger as e left join routine as r on r.oid = e.evtfoid
  where e.evtname in (select t.name from script_tracking_internal.event_triggers() as t)
  union all
  select 'isolation', r.proname || '()', md5(string_agg(r.text, ' ' order by r.oid))
  from routine as r
  where r.nspname = 'script_tracking_internal'
  group by r.proname
  union all
  select 'isolation', format('%s on %s', p.polname, c.relname), md5(concat_ws(' ', p.polcmd, p.polpermissive,
    array(select pg_get_userbyid(o.role) from unnest(p.polroles) as o (role) where o.role <> 0)::text,
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)))
  from script_tracking_internal.own_relations() as c join pg_policy as p on p.polrelid = c.oid
  where c.schema_name = 'script_tracking';
end
$function$;
