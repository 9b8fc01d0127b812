-- requires: capture/statement_mark.sql, capture/count_loss.sql, vault/record_execution.sql, tenancy/writing_context.sql, operation/session_metadata.sql
-- ddl_command_end: writes hub row and satellite row of a DDL statement that succeeded.
-- Fail-open: whatever goes wrong in here is counted and logged, and the user's statement goes on.
create or replace function script_tracking.event_trigger_ddl_end()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = '1'
set quote_all_identifiers = off
set plpgsql.extra_errors = 'none'
set plan_cache_mode = force_generic_plan
as $function$
declare
  v_began      timestamptz := clock_timestamp();
  v_mark       text;
  v_state      text;
  v_dropped    text;
  v_claim      text;
  v_started_at timestamptz := statement_timestamp();
  v_nested     boolean := false;
  v_objects    jsonb;
  v_names      text[];
  v_member     boolean;
  v_temporary  boolean;
  v_ours       boolean;
  v_members    bigint;
  v_context    record;
  v_metadata   jsonb;
  v_hk         bytea;
begin
  -- not in the declarations: the handler below does not cover those
  v_mark := script_tracking_internal.statement_mark();
  v_state := coalesce(current_setting('script_tracking_internal.attempts', true), '');
  v_dropped := coalesce(current_setting('script_tracking_internal.dropped', true), '');
  v_claim := nullif(current_setting('script_tracking.tenant', true), '');

  -- the innermost start that is still open belongs to this end
  if starts_with(v_state, v_mark) and v_state ~ ';[0-9,]*[0-9]{10,},$' then
    v_started_at := least(greatest(v_started_at,
      to_timestamp(substring(v_state from '([0-9]+),$')::numeric / 1000000)), v_began);
    v_state := regexp_replace(v_state, '[0-9]+,$', '');
    v_nested := v_state <> v_mark;
    perform set_config('script_tracking_internal.attempts', v_state, false);
  end if;

  select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
           'type', c.object_type, 'schema', c.schema_name, 'name', c.object_identity, 'oid', nullif(c.objid, 0),
           'temporary', case when c.schema_name = 'pg_temp' then true end)) order by c.ordinality)
           filter (where c.ordinality <= 1000),
         bool_and(coalesce(c.in_extension, false)),
         bool_and(coalesce(c.schema_name in ('script_tracking', 'script_tracking_internal'), false))
    into v_objects, v_member, v_ours
  from pg_event_trigger_ddl_commands() with ordinality as c;

  if starts_with(v_dropped, v_mark) then
    perform set_config('script_tracking_internal.dropped', '', false);
    v_objects := coalesce(v_objects, '[]') || substr(v_dropped, length(v_mark) + 1)::jsonb;
  end if;

  -- a member of an extension is told by the extension's own record
  if v_member and tg_tag not in ('CREATE EXTENSION', 'ALTER EXTENSION') then
    return;
  end if;
  select array_agg(distinct o.value ->> 'name') filter (where o.value ? 'name'),
         bool_and(coalesce((o.value ->> 'temporary')::boolean, false))
    into v_names, v_temporary
  from jsonb_array_elements(v_objects) as o;
  if v_temporary then
    perform nextval('script_tracking_internal.temporary_ddl_seq');
    return;
  end if;
  -- The installer and upkeep keep their own ledger. They are known by the lock that they hold; as anybody may take a
  -- lock, it counts for objects that only the owner can make, and for whoever may act as the owner.
  if (v_ours or current_setting('script_tracking_internal.installing', true) = 'on'
      and pg_has_role(script_tracking_internal.session_identity(), 'script_tracking_owner', 'member'))
    and exists (
      select from pg_locks as l
      where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.granted
        and l.classid = 1 and l.objid = 1706906805 and l.objsubid = 1)
  then
    return;
  end if;
  if tg_tag = 'CREATE EXTENSION' then
    select count(*) into v_members
    from pg_depend as d join pg_extension as e on e.oid = d.refobjid
    where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
      and e.oid = (v_objects -> 0 ->> 'oid')::oid;
  end if;

  v_context := script_tracking_internal.writing_context(v_claim);
  if v_context.refused is not null and v_claim is not null then
    perform nextval('script_tracking_internal.refused_claim_seq');
  end if;
  v_metadata := script_tracking_internal.session_metadata('trigger') || jsonb_strip_nulls(jsonb_build_object(
    'duration_us', (extract(epoch from v_began - v_started_at) * 1000000)::bigint,
    'objects', v_objects,
    'nested', case when v_nested then true end,
    'extension_members', v_members,
    'refused_tenant_claim', case when v_claim is not null and v_context.refused is not null
      then jsonb_build_object('claim', v_claim, 'reason', v_context.refused) end,
    'tracking_us', (extract(epoch from clock_timestamp() - v_began) * 1000000)::bigint));
  v_hk := script_tracking_internal.record_execution(
    v_context.tenant_hk, v_context.incarnation, v_context.record_source || '/event_trigger/v1',
    tg_tag::varchar, 'DDL', case when v_objects is null then 'NOOP' else 'COMPLETED' end,
    v_started_at, (v_metadata ->> 'duration_us')::bigint, v_names, current_query(), v_metadata);
exception when others then
  begin
    perform script_tracking_internal.count_loss(tg_tag, sqlstate, sqlerrm);
  exception when others then
    raise log 'script_tracking: record of % lost and not counted: % %', tg_tag, sqlstate, sqlerrm;
  end;
end
$function$;
comment on function script_tracking.event_trigger_ddl_end() is 'Records a DDL statement that succeeded; never fails it';
