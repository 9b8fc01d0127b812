-- requires: vault/utf8_text.sql, capture/count_loss.sql, vault/record_execution.sql, vault/redact.sql, vault/declared_metadata.sql, redaction/redact_text.sql, redaction/may_hold_secret.sql, redaction/redact_members.sql, tenancy/session_identity.sql, tenancy/writing_context.sql, operation/session_claims.sql, operation/refuse_tenant.sql
-- Begins an operation: hub row, RUNNING version and the state row that complete_operation takes away.
-- Only settings that matter in here are pinned, as each costs: no time, interval, float or bytea is turned into text but
-- by functions that say how.
create or replace function script_tracking.track_operation(
  script_name varchar, script_type varchar, tenant text default null, metadata jsonb default null,
  parent_hk bytea default null, sql_command text default null)
returns bytea
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set plan_cache_mode = force_generic_plan
as $function$
#variable_conflict use_column
declare
  v_started_at timestamptz := clock_timestamp();
  v_claim      text := coalesce(track_operation.tenant, nullif(current_setting('script_tracking.tenant', true), ''));
  v_role       name := script_tracking_internal.session_identity();
  v_context    record;
  v_writer     record;
  v_members    bytea[];
  v_tenant     bytea;
  v_said       text;
  v_metadata   jsonb;
  v_hk         bytea;
begin
  -- one test for all on the way that is usually taken: every expression costs, in every transaction
  if coalesce(track_operation.script_name <> '' and length(track_operation.script_name) <= 1000
              and track_operation.script_type <> '' and length(track_operation.script_type) <= 63
              -- no control character; a class of characters alone is the one regular expression that costs little
              and track_operation.script_type !~ e'[\x01-\x1f\x7f]', false) is false
  then
    raise exception using errcode = 'ST003',
      message = 'script_name must have 1 to 1000 characters, script_type 1 to 63 printable ones';
  end if;
  -- what writing_context() reads, and decides where there is no choice, without the call
  select i.incarnation, i.record_source, i.restricted_tenants, i.memberships, i.foreign_encoding into strict v_context
  from script_tracking_internal.installation as i;
  if v_context.memberships then
    select array(select m.tenant_hk from script_tracking_internal.tenant_membership as m
                 where case when current_setting('is_superuser') = 'on' then m.role::text = quote_ident(v_role)
                   else pg_has_role(v_role, m.role, 'member') end)
      into v_members;
  end if;
  if v_claim is null and v_members[2] is null and not v_context.restricted_tenants then
    v_tenant := coalesce(v_members[1], sha256('system'));
  else
    v_writer := script_tracking_internal.writing_context(v_claim);
    if v_writer.refused is not null then
      perform script_tracking_internal.refuse_tenant(v_writer.refused, v_claim);
    end if;
    v_tenant := v_writer.tenant_hk;
  end if;
  -- searched for secrets together, as most often none of them holds any
  if not v_context.foreign_encoding
    and concat(current_setting('script_tracking.app_user', true), current_setting('script_tracking.change_ref', true)) = ''
    and not script_tracking_internal.may_hold_secret(concat(
      track_operation.script_name, ' ', track_operation.sql_command, ' ', current_setting('application_name')))
  then
    v_said := ', "application_name": ' || to_json(nullif(current_setting('application_name'), ''))::text;
  else
    v_said := script_tracking_internal.session_claims();
    v_said := case when script_tracking_internal.announces_secret(v_said)
      then script_tracking_internal.redact_members(v_said) else v_said end;
    script_name := script_tracking_internal.redact_text(track_operation.script_name);
    sql_command := script_tracking_internal.redact(track_operation.sql_command);
    if v_context.foreign_encoding then
      if script_tracking_internal.utf8_text(concat(session_user, v_role), false) <> concat(session_user, v_role) then
        perform script_tracking_internal.count_loss(
          'an operation', '22021', 'the role''s name is no UTF-8');
        return null;
      end if;
      if getdatabaseencoding() <> 'UTF8' then
        script_name := left(script_tracking_internal.utf8_text(track_operation.script_name, false), 1000);
        script_type := left(script_tracking_internal.utf8_text(track_operation.script_type, false), 63);
        sql_command := script_tracking_internal.utf8_text(track_operation.sql_command, false);
        metadata := script_tracking_internal.utf8_text(track_operation.metadata::text, true);
        v_said := script_tracking_internal.utf8_text(v_said, true);
      end if;
    end if;
  end if;
  -- as text, which is quicker than any builder of JSON, in the order that jsonb keeps
  v_metadata := format('{"pid": %s, "evidence": "client", "effective_role": %s%s}', pg_backend_pid(), to_json(v_role), v_said)::jsonb;
  if track_operation.metadata is not null then
    if jsonb_typeof(track_operation.metadata) <> 'object' then
      raise exception using errcode = 'ST003', message = 'metadata must be a JSON object';
    end if;
    v_metadata := script_tracking_internal.declared_metadata(track_operation.metadata) || v_metadata;
  end if;
  if track_operation.parent_hk is not null then
    v_metadata := v_metadata || jsonb_build_object('parent_hk', encode(track_operation.parent_hk, 'hex'));
  end if;
  v_hk := script_tracking_internal.record_execution(
    v_tenant, v_context.incarnation, v_context.record_source || '/operation/v1',
    track_operation.script_name, track_operation.script_type, 'RUNNING', v_started_at,
    null, null, track_operation.sql_command, v_metadata, null);
  insert into script_tracking_internal.running_operation
    (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)
  values
    (v_hk, v_tenant, track_operation.script_type, v_started_at,
     v_role, v_started_at);
  return v_hk;
end
$function$;
comment on function script_tracking.track_operation(varchar, varchar, text, jsonb, bytea, text) is
  'Begins an operation and returns its key for complete_operation. tenant: a code the role is a member of; ST002 otherwise, ST003 for a bad argument';
