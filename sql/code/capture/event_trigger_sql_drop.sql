-- requires: vault/utf8_text.sql, capture/note_for_end.sql, capture/default_acl_name.sql, capture/count_loss.sql, capture/refuse_unrecorded.sql, capture/log_fault.sql
-- sql_drop: keeps what was dropped for ddl_command_end, which writes the one record of the statement.
-- Refuses to drop what is the tracker's: here, because ddl_command_end may not be there any more; and without a helper,
-- as these may be what was dropped.
-- Identities are those that pg_event_trigger_ddl_commands() told when the object was made. The ready-made ones were computed
-- before the pinned settings applied: what is quoted in them is quoted anew, and most often the name comes from address_names.
create or replace function script_tracking.event_trigger_sql_drop()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_object  record;
  v_count   bigint;
  v_dropped text;
  v_own     text;
begin
  -- after the loop the last one, and how many there were
  for v_object in
    select d.objid, d.original, d.object_type, d.schema_name, d.is_temporary, d.address_names
    from pg_event_trigger_dropped_objects() as d
    where d.original
      or d.object_type in ('table', 'foreign table')  -- partitions fall with their parent, and are not called normal
      or (d.normal and d.object_type not in ('type', 'table column', 'default value', 'index', 'toast table'))
  loop
    v_count := coalesce(v_count, 0) + 1;
  end loop;
  if v_count = 1 and v_object.original and not v_object.is_temporary and v_object.address_names[2] is not null
    and v_object.schema_name <> all (array['script_tracking', 'script_tracking_internal', 'auth'])
    and v_object.object_type = any (array['table', 'view', 'materialized view', 'index', 'sequence', 'type'])
  then  -- most often one, and none of the tracker's
    v_dropped := format('[{"type": "%s", "schema": %s, "name": %s, "oid": "%s", "dropped": true}]',
      v_object.object_type, to_json(v_object.schema_name),
      to_json(format('%I.%I', v_object.address_names[1], v_object.address_names[2])), v_object.objid);
  elsif v_count > 0 then
    select (jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'type', d.object_type, 'schema', case when d.object_type in ('policy', 'trigger', 'rule') then d.address_names[1] else d.schema_name end,
        'name', case when d.object_type = 'default acl'
          then script_tracking_internal.default_acl_name(d.address_names[1], d.address_names[2], d.address_args[1])
          when d.object_identity like '%"%' then (
            select string_agg(case when m.part[1] like '"%'
              then quote_ident(replace(substr(m.part[1], 2, length(m.part[1]) - 2), '""', '"')) else m.part[1] end, '' order by m.place)
            from regexp_matches(d.object_identity, '"(?:[^"]|"")*"|[^"]+', 'g') with ordinality as m (part, place))
          else d.object_identity end,
        'oid', d.objid, 'dropped', true, 'dependent', case when not d.original then true end,
        'temporary', case when d.is_temporary then true end))
        order by d.place) filter (where d.place <= 1000)
        || case when count(*) > 1000 then jsonb_build_array(jsonb_build_object('unlisted', count(*) - 1000)) else '[]' end)::text,
      min(array_to_string(d.address_names, '.')) filter (where (d.original or d.normal)
        and case when d.object_type in ('policy', 'trigger', 'rule', 'schema')
          then d.address_names[1] in ('script_tracking', 'script_tracking_internal')
          else (d.schema_name in ('script_tracking', 'script_tracking_internal')
              or d.schema_name = 'auth' and exists (select from pg_namespace as n
                where n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = 'script_tracking_owner'))
            and d.object_type not like 'publication%' end)
      into v_dropped, v_own
    from (
      -- what is temporary last: only where nothing else was dropped, all that is kept is temporary
      select d.*, row_number() over (order by d.is_temporary, d.original desc, d.ordinality) as place
      from pg_event_trigger_dropped_objects() with ordinality as d
      where d.original
        or d.object_type in ('table', 'foreign table')  -- partitions fall with their parent, and are not called normal
        or (d.normal and d.object_type not in ('type', 'table column', 'default value', 'index', 'toast table'))
    ) as d;
  end if;
  if v_own is not null then  -- by itself: together with a query it would be planned each time
    if not exists (
      select from pg_locks as l
      where l.pid = pg_backend_pid() and l.granted and (
        l.locktype = 'advisory' and l.classid = 1 and l.objid = 1706906805 and l.objsubid = 1
        or l.locktype = 'relation' and l.mode in ('ShareRowExclusiveLock', 'AccessExclusiveLock')
          and l.relation = to_regclass('script_tracking_internal.schema_migration')))
    then
      if to_regclass('script_tracking_internal.guarded_ddl_seq') is not null then
        perform nextval('script_tracking_internal.guarded_ddl_seq');
      end if;
      raise exception using errcode = 'ST009',
        message = format('%s of %s refused: only the installer changes the tracker''s schemas', tg_tag, v_own),
        hint = 'script-tracking-exporter schema uninstall takes them away. What a superuser has to drop by hand: docs/operations.md.';
    end if;
  end if;
  if v_dropped is not null then
    v_dropped := script_tracking_internal.note_for_end(v_dropped);  -- to perform it would start the executor
  end if;
exception when sqlstate 'ST009' then
  raise;
when statement_too_complex then
  raise;  -- the caller has used up the stack, which leaves none to count a loss with
when others then
  if v_dropped is not null and sqlstate in ('22021', '22P05') then  -- a name whose bytes are no UTF-8
    begin
      v_dropped := script_tracking_internal.note_for_end(script_tracking_internal.utf8_text(v_dropped, true));
      return;
    exception when others then
      null;
    end;
  end if;
  begin
    perform script_tracking_internal.refuse_unrecorded(
      tg_tag, nullif(current_setting('script_tracking.tenant', true), ''), 'what it drops cannot be recorded', sqlstate, sqlerrm);
  exception
    when sqlstate 'ST005' then
      raise;
    when others then
      begin
        perform script_tracking_internal.log_fault(concat('capture policies for ', tg_tag, ' not read'), sqlstate, sqlerrm);
      exception when others then
        raise log 'script_tracking: capture policies for % not read: %', tg_tag, sqlstate;
      end;
  end;
  begin
    perform script_tracking_internal.count_loss(tg_tag, sqlstate, sqlerrm);
  exception when others then
    begin
      perform script_tracking_internal.log_fault(concat('drop of ', tg_tag, ' lost and not counted'), sqlstate, sqlerrm);
    exception when others then
      raise log 'script_tracking: drop of % lost and not counted: %', tg_tag, sqlstate;
    end;
  end;
end
$function$;
comment on function script_tracking.event_trigger_sql_drop() is 'Keeps the dropped objects in session state for the record of the statement';
