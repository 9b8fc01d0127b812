-- How exporters judged captured DDL by their configuration: within a change window, by an approved reference, or neither.
-- Judged once, by what was configured then, and never anew. What a partition of the record held goes with it; the totals stay.

create table script_tracking.script_execution_change_s (
  execution_timestamp timestamptz not null,
  script_execution_hk bytea not null,
  load_date           timestamptz not null default clock_timestamp(),
  tenant_hk           bytea not null,
  verdict             text not null check (verdict in ('inside', 'approved', 'outside', 'frozen')),
  reference_state     text not null check (reference_state in ('approved', 'expired', 'unknown', 'missing')),
  window_name         text,
  approved_by         text,
  rules_hash          bytea not null,
  judged_by           varchar not null default session_user,
  primary key (execution_timestamp, script_execution_hk)
) partition by range (execution_timestamp);
comment on table script_tracking.script_execution_change_s is
  'Computed satellite, append-only: how the exporter judged a captured DDL statement by its change windows and references';
comment on column script_tracking.script_execution_change_s.load_date is 'When it was judged';
comment on column script_tracking.script_execution_change_s.reference_state is
  'What the reference was worth that the session claimed (script_tracking.change_ref)';
comment on column script_tracking.script_execution_change_s.window_name is 'The window that was open, or the window or freeze by which it is frozen';
comment on column script_tracking.script_execution_change_s.approved_by is 'The approved reference or pattern that the claimed one fits';
comment on column script_tracking.script_execution_change_s.rules_hash is 'By which configuration; see script_tracking.get_change_rules()';

create table script_tracking_internal.change_rules (
  rules_hash    bytea primary key,
  rules         text not null,
  first_used_at timestamptz not null default clock_timestamp(),
  first_used_by varchar not null default session_user
);
comment on table script_tracking_internal.change_rules is
  'The configurations by which DDL was judged, append-only: rules_hash is the sha256 of the JSON text in rules';

create table script_tracking_internal.change_total (
  tenant_hk bytea not null,
  verdict   text not null,
  judged    bigint not null,
  primary key (tenant_hk, verdict)
) with (fillfactor = 50);
comment on table script_tracking_internal.change_total is 'DDL statements judged, by tenant and verdict, those of removed partitions included';

create table script_tracking_internal.change_state (
  singleton   boolean primary key default true check (singleton),
  incarnation integer not null default 1,
  horizon     xid8,
  since       timestamptz
);
comment on table script_tracking_internal.change_state is
  'DDL that began since then is judged up to the horizon; NULL where no exporter has been configured to judge yet';
insert into script_tracking_internal.change_state default values;

do $secure$
declare
  v_table text;
begin
  foreach v_table in array array['script_tracking.script_execution_change_s', 'script_tracking_internal.change_rules',
    'script_tracking_internal.change_total', 'script_tracking_internal.change_state']
  loop
    execute format('alter table %s enable row level security', v_table);
    execute format('alter table %s force row level security', v_table);
    execute format('create policy owner_all on %s to script_tracking_owner using (true) with check (true)', v_table);
  end loop;
end
$secure$;
