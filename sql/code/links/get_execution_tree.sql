-- requires: links/get_execution_as_of.sql, links/shown_execution.sql
-- The executions that belong together by their parents: from the outermost that the caller may see down to all that are part of
-- it, whichever of them was asked for. What nobody may be shown ends the way up, and hides what is part of it.
-- Belongs to the owner, as the links do: so it asks itself what the caller may see. What the links do not hold yet is read
-- from the record, and what runs from the state table, in the same statement.
create or replace function script_tracking.get_execution_tree(of_hk bytea, max_rows integer default 1000)
returns table (
  depth integer, execution_hk bytea, parent_hk bytea, tenant text, script_name varchar, script_type varchar,
  execution_status varchar, execution_timestamp timestamptz, duration_seconds double precision, error_sqlstate text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
set client_min_messages = warning  -- the caller may have the server tell him plans
set enable_seqscan = off  -- a tree is a small part of the record
set jit = off
as $function$
#variable_conflict use_column
begin
  if get_execution_tree.max_rows < 0 then
    raise exception using errcode = 'ST003', message = 'max_rows is negative';
  end if;
  return query
  with recursive up as (
    select s.script_execution_hk, s.execution_timestamp, s.metadata ->> 'parent_hk' as parent, 0 as step
    from script_tracking.get_execution_as_of(get_execution_tree.of_hk, 'infinity') as s
    union all
    select s.script_execution_hk, s.execution_timestamp, s.metadata ->> 'parent_hk', u.step + 1
    from up as u
    cross join lateral script_tracking.get_execution_as_of(
      case when length(u.parent) = 64 and u.parent ~ '^[0-9a-f]+$' then decode(u.parent, 'hex') end, 'infinity') as s
    where u.step < 100
  ), tail as materialized (
    select v.script_execution_hk, v.execution_timestamp, decode(v.parent, 'hex') as parent_hk
    from (
      select s.script_execution_hk, s.execution_timestamp, s.metadata ->> 'parent_hk' as parent
      from script_tracking.script_execution_s as s
      cross join script_tracking_internal.links_state as k
      where s.execution_status <> 'RUNNING' and not s.metadata ? 'revises'
        and s.xid >= (
          select case when l.incarnation = i.incarnation then l.horizon else '0'::xid8 end
          from script_tracking_internal.links_state as l, script_tracking_internal.installation as i)
        and (s.incarnation > k.incarnation or s.incarnation = k.incarnation and s.xid >= k.horizon)
      union all
      select s.script_execution_hk, s.execution_timestamp, s.metadata ->> 'parent_hk'
      from script_tracking_internal.running_operation as r
      join script_tracking.script_execution_s as s
        on s.script_execution_hk = r.script_execution_hk and s.execution_timestamp = r.execution_timestamp
      where s.load_end_date is null) as v
    where length(v.parent) = 64 and v.parent ~ '^[0-9a-f]+$'
  ), down as (
    (select u.script_execution_hk, u.execution_timestamp, null::bytea as parent_hk, 0 as depth
    from up as u order by u.step desc limit 1)
    union all
    select c.script_execution_hk, c.execution_timestamp, c.parent_hk, d.depth + 1
    from down as d
    cross join lateral (
      select l.script_execution_hk, l.execution_timestamp, l.parent_hk
      from script_tracking.script_execution_parent as l where l.parent_hk = d.script_execution_hk
      union all
      select t.script_execution_hk, t.execution_timestamp, t.parent_hk
      from tail as t where t.parent_hk = d.script_execution_hk) as c
    join script_tracking_internal.shown_execution as e
      on e.script_execution_hk = c.script_execution_hk and e.execution_timestamp = c.execution_timestamp
    where d.depth < 200
  )
  select d.depth, d.script_execution_hk, d.parent_hk, t.tenant_bk::text, s.script_name, s.script_type, s.execution_status,
    s.execution_timestamp,
    coalesce((s.metadata ->> 'duration_us')::double precision / 1000000, s.execution_duration_ms::double precision / 1000),
    s.metadata ->> 'sqlstate'
  -- level by level, so a limit leaves out the innermost
  from (select n.* from down as n limit get_execution_tree.max_rows) as d
  join script_tracking.script_execution_s as s
    on s.script_execution_hk = d.script_execution_hk and s.execution_timestamp = d.execution_timestamp
  join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
  where s.load_end_date is null
  order by d.depth, s.execution_timestamp, d.script_execution_hk;
end
$function$;
comment on function script_tracking.get_execution_tree(bytea, integer) is
  'The executions that an execution belongs together with by their parents, as far as the caller may see them: depth 0 is the outermost; at most max_rows of them; durations in seconds; ST003: max_rows is negative';
