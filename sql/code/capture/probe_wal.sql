-- requires: capture/slot_name.sql, capture/create_slot.sql, capture/event_triggers_wanted.sql, rules/pause_state.sql
-- What reading attempts from the write-ahead log lacks, in a word and in words; both NULL where it works. The word slot
-- says that nothing is missing but the slot itself.
create or replace function script_tracking_internal.probe_wal(out lacks text, out missing text)
language plpgsql volatile
as $function$
declare
  v_state script_tracking_internal.capture_state;
  v_owner record;
begin
  select * into strict v_state from script_tracking_internal.capture_state;
  -- the wrappers act as whoever installed them
  select r.rolname as name, r.rolsuper or r.rolreplication or exists (
      select from pg_catalog.pg_roles as g where g.rolname = 'rds_replication' and pg_catalog.pg_has_role(r.oid, g.oid, 'member')
    ) as replicates,
    r.rolsuper or pg_catalog.pg_has_role(r.oid, 'pg_read_all_stats', 'usage') as sees
  into strict v_owner
  from pg_catalog.pg_proc as p join pg_catalog.pg_roles as r on r.oid = p.proowner
  where p.oid = 'script_tracking_internal.create_slot()'::regprocedure;
  if pg_catalog.pg_is_in_recovery() then
    lacks := 'primary';
    missing := 'this server is a standby: the exporter has to be pointed at the primary';
  elsif exists (select from script_tracking_internal.pause_state()) then
    lacks := 'pause';
    missing := 'tracking pauses: script_tracking.resume_tracking() ends it';
  elsif not script_tracking_internal.event_triggers_wanted() then
    lacks := 'event_triggers';
    missing := 'the schema was installed without event triggers, which announce what is attempted: run '
      'script-tracking-exporter schema install --with-event-triggers where a role may make them';
  elsif not v_state.slot_wanted then
    lacks := 'configuration';
    missing := 'capture.slot is off in the exporter''s configuration';
  elsif pg_catalog.current_setting('wal_level') <> 'logical' then
    lacks := 'wal_level';
    missing := 'wal_level is ' || pg_catalog.current_setting('wal_level') || ': set it to logical and restart the server';
  elsif not v_owner.replicates then
    lacks := 'replication';
    missing := pg_catalog.format('role %I, which installed the schema, may not read a slot: alter role %I replication', v_owner.name, v_owner.name);
  elsif not v_owner.sees then
    lacks := 'pg_read_all_stats';
    missing := pg_catalog.format('role %I, which installed the schema, does not see what other sessions do: grant pg_read_all_stats to %I', v_owner.name, v_owner.name);
  elsif not exists (select from pg_catalog.pg_publication as p where p.pubname = 'script_tracking_capture') then
    lacks := 'publication';
    missing := 'the publication script_tracking_capture is missing: run script-tracking-exporter schema install';
  elsif not exists (
    select from pg_catalog.pg_replication_slots as s
    where s.slot_name = script_tracking_internal.slot_name() and s.database = pg_catalog.current_database())
  then
    if v_state.slot_dropped_at > pg_catalog.clock_timestamp() - interval '15 minutes' then
      lacks := 'slot_dropped';
      missing := 'the slot was dropped: ' || v_state.slot_drop_reason || '; another is made 15 minutes later';
    elsif v_state.slot_failed_at > pg_catalog.clock_timestamp() - interval '1 minute' then
      lacks := 'slot_failed';
      missing := 'the slot could not be made: ' || v_state.slot_failure;
    else
      lacks := 'slot';
      missing := 'the slot is about to be made';
    end if;
  end if;
end
$function$;
