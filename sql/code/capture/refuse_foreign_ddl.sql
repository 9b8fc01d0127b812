-- requires: capture/is_own_object.sql, capture/installation_lock.sql
-- Refuses DDL on the tracker's schemas but for its installer and its upkeep, whoever asks: a mistake of a superuser would
-- cost the record or its protection. Who means it takes the installer's lock, and is on record.
-- REINDEX changes nothing of what stands. Of DROP OWNED counts what it drops: whoever drops a role takes its rights away as well.
create or replace function script_tracking_internal.refuse_foreign_ddl(p_tag text, p_objects jsonb)
returns void
language plpgsql volatile
as $function$
declare
  v_name  text;
  v_count bigint;
begin
  if p_tag = 'REINDEX' then
    return;
  end if;
  select o.value ->> 'name' into v_name
  from pg_catalog.jsonb_array_elements(p_objects) as o
  where script_tracking_internal.is_own_object(o.value ->> 'type', o.value ->> 'schema', o.value ->> 'name')
    and (p_tag <> 'DROP OWNED' or o.value ? 'dropped')
  limit 1;
  if not found and p_tag = 'ALTER DEFAULT PRIVILEGES' then  -- those of all schemas are of the tables that upkeep will make
    select o.value ->> 'name' into v_name
    from pg_catalog.jsonb_array_elements(p_objects) as o
    where o.value ->> 'name' like 'for role script\_tracking\_owner on %';
  end if;
  if not found and p_tag in ('CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE') then  -- a child's rows would be the record's
    select n.nspname || '.' || p.relname into v_name
    from pg_catalog.jsonb_array_elements(p_objects) as o
    join pg_catalog.pg_inherits as i on i.inhrelid = (o.value ->> 'oid')::oid
    join pg_catalog.pg_class as p on p.oid = i.inhparent join pg_catalog.pg_namespace as n on n.oid = p.relnamespace
    where script_tracking_internal.is_own_object('table', n.nspname, p.relname)
    limit 1;
  end if;
  if v_name is null or script_tracking_internal.installation_lock() is not null then
    return;
  end if;
  v_count := pg_catalog.nextval('script_tracking_internal.guarded_ddl_seq');
  raise exception using errcode = 'ST009',
    message = pg_catalog.format('%s on %s refused: only the installer changes the tracker''s schemas', p_tag, v_name),
    hint = 'script-tracking-exporter schema upgrade restores them, schema uninstall takes them away. What a superuser has to change by hand: docs/operations.md.';
end
$function$;
