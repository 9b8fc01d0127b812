-- Who may do what. Applied last, whenever anything changed; starts from nothing granted.
set local role script_tracking_owner;

do $revoke$
declare
  v_statement text;
begin
  for v_statement in
    with object as (
      select 'schema' as kind, quote_ident(n.nspname) as name, n.nspowner as owner, n.nspacl as acl, null::aclitem[] as columns
      from pg_catalog.pg_namespace as n where n.nspname in ('script_tracking', 'script_tracking_internal', 'auth')
      union all
      select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, c.relowner, c.relacl,
        (select array_agg(i) from pg_catalog.pg_attribute as a cross join lateral unnest(a.attacl) as i where a.attrelid = c.oid)
      from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      union all
      select 'routine', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), null
      from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
      where n.nspname in ('script_tracking', 'script_tracking_internal')
        -- somebody else's schema auth is left alone; so is what others own
        or n.nspname = 'auth' and pg_get_userbyid(n.nspowner) = current_user
      union all
      -- whoever may use a row type can give his own table a column of it, and keep the installer from changing ours
      select 'type', t.oid::regtype::text, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), null
      from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
      left join pg_catalog.pg_class as c on c.oid = t.typrelid
      where n.nspname in ('script_tracking', 'script_tracking_internal') and not (t.typelem <> 0 and t.typlen = -1)
        and not coalesce(c.relispartition, false)
    )
    -- a statement for all objects of a kind: each statement costs the event triggers' time
    select format('revoke all on %s %s from %s cascade', o.kind, string_agg(distinct o.name, ', '),
      string_agg(distinct case a.grantee when 0 then 'public' else a.grantee::regrole::text end, ', '))
    from object as o cross join lateral aclexplode(o.acl || o.columns) as a
    where pg_get_userbyid(o.owner) = current_user and a.grantee <> o.owner
    group by o.kind
    union all
    select format('grant all on %s %s to script_tracking_owner', o.kind, string_agg(o.name, ', '))
    from object as o where pg_get_userbyid(o.owner) = current_user and o.acl is not null and o.kind <> 'type'
    group by o.kind
  loop
    execute v_statement;
  end loop;
end
$revoke$;

grant usage on schema script_tracking
  to script_tracking_daemon, script_tracking_app, script_tracking_reader, script_tracking_auditor;
grant usage on schema script_tracking_internal to script_tracking_daemon;

-- Applications declare operations.
grant execute on function
  script_tracking.track_operation(varchar, varchar, text, jsonb, bytea, text),
  script_tracking.complete_operation(bytea, boolean, text, text, bigint, jsonb),
  script_tracking.track_operations(jsonb), script_tracking.complete_operations(jsonb), script_tracking.heartbeat(bytea),
  script_tracking.generate_unique_script_name(varchar),
  script_tracking.calculate_hash_key(varchar)
to script_tracking_app;

-- Readers see their tenants, and read through functions alone: over a table PostgreSQL compares before a policy does, and
-- EXPLAIN tells how many rows of others it left out.
grant execute on function
  script_tracking.get_enterprise_dashboard(),
  script_tracking.get_execution_history(integer, bigint, timestamptz, text, text, text, text, bytea),
  script_tracking.get_execution_tree(bytea, integer),
  script_tracking.get_execution_as_of(bytea, timestamptz),
  script_tracking.get_performance_metrics(), script_tracking.get_system_health(),
  script_tracking.get_recent_errors(integer), script_tracking.get_running_operations(),
  script_tracking.get_object_history(text, timestamptz), script_tracking.get_objects_as_of(timestamptz),
  script_tracking.calculate_hash_key(varchar)
to script_tracking_reader, script_tracking_auditor;
-- Auditors see every tenant, and query what they like.
grant select on script_tracking.tenant_h, script_tracking.tenant_s, script_tracking.script_execution_h,
  script_tracking.script_execution_s, script_tracking.script_execution_change_s
to script_tracking_auditor;
-- Derived from it. The views ask themselves what the caller may see.
grant select on script_tracking.database_object_h, script_tracking.database_object_name_s,
  script_tracking.database_object_s, script_tracking.database_object_pit, script_tracking.user_h,
  script_tracking.script_execution_object_l, script_tracking.script_execution_parent_l,
  script_tracking.script_execution_user_l, script_tracking.script_execution_pit
to script_tracking_auditor;
grant execute on function
  script_tracking.get_waiting_ddl(), script_tracking.get_untracked_changes(), script_tracking.acknowledge_change(bigint, text), script_tracking.get_tenants(),
  script_tracking.vault_check(double precision)
to script_tracking_auditor;
grant execute on function
  script_tracking.get_retention(), script_tracking.get_holds(), script_tracking.get_cleanup_candidates(integer),
  script_tracking.get_archives(), script_tracking.get_change_rules()
to script_tracking_auditor;
-- The read policies and the views call these for whoever reads.
grant execute on function
  script_tracking_internal.tenants_shown_to(name), script_tracking_internal.hidden_before(),
  script_tracking_internal.shortened_tenants(), script_tracking_internal.hidden_befores(), script_tracking_internal.held_ranges(),
  script_tracking_internal.object_class(text), script_tracking_internal.object_identity(oid, text, boolean, boolean)
  to script_tracking_auditor;

-- The daemon reads numbers and keeps house through functions; of the record itself it sees nothing, but where the setting
-- retention.archive has it archive what goes.
grant select on script_tracking_internal.schema_migration, script_tracking_internal.schema_code to script_tracking_daemon;
grant execute on function
  script_tracking_internal.collect_operations(), script_tracking_internal.collect_operation_durations(),
  script_tracking_internal.collect_errors(), script_tracking_internal.collect_running(),
  script_tracking_internal.collect_event_triggers(), script_tracking_internal.collect_capture(),
  script_tracking_internal.collect_storage(), script_tracking_internal.collect_isolation(), script_tracking_internal.collect_health(),
  script_tracking_internal.collect_attempts(), script_tracking_internal.collect_performance(), script_tracking_internal.collect_dashboard(),
  script_tracking_internal.collect_monitoring(), script_tracking_internal.collect_blocked(),
  script_tracking_internal.collect_rules(), script_tracking_internal.pause_state(), script_tracking_internal.event_triggers_wanted(), script_tracking_internal.installing_role(),
  script_tracking_internal.collect_logins(), script_tracking_internal.collect_login_calls(),
  script_tracking_internal.collect_login_failures(),
  script_tracking_internal.collect_reconciler(), script_tracking_internal.reconcile(), script_tracking_internal.unconfirmed_copy(),
  script_tracking_internal.run_upkeep(text, double precision), script_tracking_internal.shown_labels(integer, integer),
  script_tracking_internal.ensure_incarnation(), script_tracking_internal.roll_up(),
  script_tracking_internal.roll_up_slice(integer),
  script_tracking_internal.ensure_partitions(), script_tracking_internal.purge_attempts(),
  script_tracking_internal.cut_newest(), script_tracking_internal.collect_retention(), script_tracking_internal.collect_partitions_kept(),
  script_tracking_internal.storage_report(), script_tracking_internal.keep_retention(), script_tracking_internal.look_at_partitions(),
  script_tracking_internal.ask_archive(), script_tracking_internal.standing_archives(text), script_tracking_internal.note_look(bigint[]),
  script_tracking_internal.open_archive(timestamptz[]), script_tracking_internal.note_archive(timestamptz, jsonb, text),
  script_tracking_internal.unjudged_ddl(integer), script_tracking_internal.note_judgements(integer, text, text, jsonb, text),
  script_tracking_internal.collect_changes(), script_tracking_internal.archived_rules(timestamptz), script_tracking_internal.legible_json(text),
  script_tracking_internal.interrupt_operations(), script_tracking_internal.derive_links(double precision, integer),
  script_tracking_internal.advance_vault_check(double precision, boolean, double precision),
  script_tracking_internal.collect_vault_check(), script_tracking_internal.collect_links(),
  script_tracking_internal.configure_capture(boolean, bigint), script_tracking_internal.probe_capture(),
  script_tracking_internal.guard_slot(text), script_tracking_internal.begin_slot(),
  script_tracking_internal.note_slot_failure(text), script_tracking_internal.note_activity(),
  script_tracking_internal.flush_messages(), script_tracking_internal.read_messages(),
  script_tracking_internal.advance_messages(), script_tracking_internal.judge_attempts(),
  script_tracking_internal.log_position(), script_tracking_internal.attempt_pids(),
  script_tracking_internal.merge_log_errors(jsonb), script_tracking_internal.collect_server_log(),
  script_tracking.get_system_health()
to script_tracking_daemon;

-- The login wrappers, where the database opted in. Their steps are bound when the wrappers are made: whoever may execute
-- them and has no right on their schema cannot name them.
do $logins$
begin
  if exists (select from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'auth' and p.proname = 'login_user_tracking' and pg_get_userbyid(p.proowner) = current_user)
  then
    grant usage on schema auth to script_tracking_app;
    grant execute on function
      auth.login_user_tracking(varchar, varchar, bytea), auth.register_user_tracking(jsonb),
      script_tracking_internal.begin_login(text, text, bytea), script_tracking_internal.begin_registration(jsonb),
      script_tracking_internal.call_login_function(jsonb, text, text, bytea, jsonb),
      script_tracking_internal.end_login(jsonb, jsonb)
    to script_tracking_app;
  end if;
end
$logins$;

select script_tracking_internal.finish_install();
reset role;
