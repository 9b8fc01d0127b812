-- What a superuser decides about the capture: which DDL is noise, which must not go through without its record, since
-- when tracking pauses, and which losses have been seen to. Mutable state; each change of it is a record of the vault.

create table script_tracking_internal.noise_rule (
  rule_id     bigint generated always as identity primary key,
  schema_name name,
  tag         text,
  role        regrole,
  reason      text not null,
  added_at    timestamptz not null default clock_timestamp(),
  added_by    name not null default session_user,
  check (num_nonnulls(schema_name, tag, role) > 0)
);
comment on table script_tracking_internal.noise_rule is
  'DDL that is counted and kept out of the record; NULL stands for any schema, command or role';

-- Kept by the functions that change the rules: what every DDL statement reads anyway says whether there are any.
alter table script_tracking_internal.installation add column noise_rules boolean not null default false;
comment on column script_tracking_internal.installation.noise_rules is 'Whether there are noise rules';

create table script_tracking_internal.capture_policy (
  policy_id   bigint generated always as identity primary key,
  tenant_hk   bytea references script_tracking.tenant_h,
  tag         text,
  fail_closed boolean not null,
  set_at      timestamptz not null default clock_timestamp(),
  set_by      name not null default session_user
);
comment on table script_tracking_internal.capture_policy is
  'Whether DDL whose record cannot be written is refused; NULL stands for any tenant or command, the most precise one decides';
create unique index idx_capture_policy_key on script_tracking_internal.capture_policy
  (coalesce(tenant_hk, ''::bytea), coalesce(tag, ''));

create table script_tracking_internal.tracking_pause (
  pause_id   bigint generated always as identity primary key,
  reason     text not null,
  paused_at  timestamptz not null default clock_timestamp(),
  paused_by  name not null default session_user,
  resumed_at timestamptz,
  resumed_by name
);
comment on table script_tracking_internal.tracking_pause is
  'When the event triggers were taken away on purpose; without resumed_at they still are';
create unique index idx_tracking_pause_open on script_tracking_internal.tracking_pause ((true)) where resumed_at is null;

create table script_tracking_internal.loss_acknowledgement (
  acknowledgement_id bigint generated always as identity primary key,
  lost_through       bigint not null,
  reason             text not null,
  acknowledged_at    timestamptz not null default clock_timestamp(),
  acknowledged_by    name not null default session_user
);
comment on table script_tracking_internal.loss_acknowledgement is
  'How far the counter of lost records had come when somebody had seen to the losses';

create sequence script_tracking_internal.noise_ddl_seq;
create sequence script_tracking_internal.refused_ddl_seq;
create sequence script_tracking_internal.unreadable_policy_seq;
create sequence script_tracking_internal.unannounced_ddl_seq;
comment on sequence script_tracking_internal.noise_ddl_seq is 'DDL that a noise rule kept out of the record';
comment on sequence script_tracking_internal.refused_ddl_seq is 'DDL that a fail-closed policy refused because its record could not be written';
comment on sequence script_tracking_internal.unreadable_policy_seq is
  'DDL that lost its record while the fail-closed policies could not be read; counted as lost as well';
comment on sequence script_tracking_internal.unannounced_ddl_seq is
  'DDL whose start could not be noted or announced: recorded if it succeeds, else known by the server log alone';

do $secure$
declare
  v_table text;
begin
  foreach v_table in array array['noise_rule', 'capture_policy', 'tracking_pause', 'loss_acknowledgement'] loop
    execute format('alter table script_tracking_internal.%I enable row level security', v_table);
    execute format('alter table script_tracking_internal.%I force row level security', v_table);
    execute format('create policy owner_all on script_tracking_internal.%I to script_tracking_owner using (true) with check (true)',
      v_table);
  end loop;
end
$secure$;
