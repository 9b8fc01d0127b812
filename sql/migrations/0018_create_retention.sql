-- How long a tenant's records are kept and shown, what must not go meanwhile, and what the last look at the partitions
-- found. Each change of the first two is a record of the vault.

create table script_tracking_internal.tenant_retention (
  tenant_hk bytea primary key references script_tracking.tenant_h,
  days      integer not null check (days > 0),
  reason    text not null,
  set_at    timestamptz not null default clock_timestamp(),
  set_by    name not null default session_user
);
comment on table script_tracking_internal.tenant_retention is
  'Retention of tenants that have one of their own, in days from the start of an execution';

create table script_tracking_internal.legal_hold (
  hold_id        bigint generated always as identity primary key,
  tenant_hk      bytea references script_tracking.tenant_h,
  held_from      timestamptz not null,
  held_until     timestamptz not null,
  reason         text not null,
  placed_at      timestamptz not null default clock_timestamp(),
  placed_by      name not null default session_user,
  released_at    timestamptz,
  released_by    name,
  release_reason text,
  check (held_from < held_until)
);
comment on table script_tracking_internal.legal_hold is
  'Executions that must not be removed: those begun from held_from to before held_until, of a tenant or (NULL) of every one';

create table script_tracking_internal.partition_kept (
  lower_bound timestamptz not null,
  upper_bound timestamptz not null,
  reason      text not null,
  keeper      text not null,
  kept_until  timestamptz
);
comment on table script_tracking_internal.partition_kept is
  'Past partitions, and what keeps each, as upkeep last saw it; the reason due: nothing does, it can go';

create table script_tracking_internal.retention_state (
  singleton          boolean primary key default true check (singleton),
  looked_at          timestamptz,
  removed_at         timestamptz,
  removed_partitions bigint not null default 0,
  removed_executions bigint not null default 0
);
comment on table script_tracking_internal.retention_state is
  'When upkeep last looked what keeps the partitions, and what has been removed so far';
insert into script_tracking_internal.retention_state default values;

insert into script_tracking_internal.setting (name, value, description) values
  ('partitions.interval', 'month', 'What a partition holds that is made from now on: a month or a day'),
  ('retention.days', 'none',
   'Days that upkeep keeps the records of tenants without a retention of their own; none: for good. See retention.disposable');
update script_tracking_internal.setting
set description = 'Partitions kept ready ahead of the current one, counted in partitions.interval'
where name = 'partitions.ahead';
alter table script_tracking_internal.setting
  add constraint setting_partitions_interval check (name <> 'partitions.interval' or value in ('month', 'day')),
  add constraint setting_partitions_ahead check (name <> 'partitions.ahead' or value ~ '^[1-9][0-9]{0,2}$'),
  add constraint setting_retention_days check (name <> 'retention.days' or value ~ '^(none|[1-9][0-9]{0,4})$'),
  add constraint setting_retention_disposable check (name <> 'retention.disposable' or value in ('none', 'all'));

do $secure$
declare
  v_table text;
begin
  foreach v_table in array array['tenant_retention', 'legal_hold', 'partition_kept', 'retention_state'] loop
    execute format('alter table script_tracking_internal.%I enable row level security', v_table);
    execute format('alter table script_tracking_internal.%I force row level security', v_table);
    execute format('create policy owner_all on script_tracking_internal.%I to script_tracking_owner using (true) with check (true)',
      v_table);
  end loop;
end
$secure$;
