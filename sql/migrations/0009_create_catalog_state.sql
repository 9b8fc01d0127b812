-- What the reconciler works with: every watched object as it was last accounted for, differences that wait to be
-- accounted for, and the changes that nothing accounted for.

create table script_tracking_internal.catalog_state (
  class_id     oid not null,
  object_id    oid not null,
  sub_id       oid not null,
  object_type  text not null,
  identity     text not null,
  schema_id    oid,
  cluster_wide boolean not null,
  roots        oid[] not null,
  facts        text[] not null,
  primary key (class_id, object_id, sub_id)
);
comment on table script_tracking_internal.catalog_state is
  'Watched objects as baseline, record or report last accounted for them';
comment on column script_tracking_internal.catalog_state.class_id is 'Catalog of the object, as in pg_depend';
comment on column script_tracking_internal.catalog_state.sub_id is 'The member, for a membership of a role; else 0';
comment on column script_tracking_internal.catalog_state.roots is 'Objects whose DDL accounts for a change of this one';
comment on column script_tracking_internal.catalog_state.facts is
  'Definition, fact by fact; other objects by oid, long or possibly secret texts by a hash';

create table script_tracking_internal.catalog_pending (
  class_id      oid not null,
  object_id     oid not null,
  sub_id        oid not null,
  change        text not null check (change in ('CREATE', 'ALTER', 'DROP')),
  object_type   text not null,
  identity      text not null,
  schema_id     oid,
  cluster_wide  boolean not null,
  roots         oid[] not null,
  present_roots oid[],
  before        text[],
  after         text[],
  base          pg_snapshot not null,
  since         timestamptz not null,
  first_seen_at timestamptz not null,
  passes        integer not null,
  gone          boolean not null,
  primary key (class_id, object_id, sub_id)
);
comment on table script_tracking_internal.catalog_pending is
  'Differences between catalog and catalog_state that are not accounted for yet; empty between passes, most of the time';
comment on column script_tracking_internal.catalog_pending.base is
  'Snapshot of the last pass without the difference: only records that it did not see can account for it';
comment on column script_tracking_internal.catalog_pending.gone is 'No longer there in the last pass';

create table script_tracking_internal.untracked_change (
  change_id           bigint generated always as identity primary key,
  change              text not null,
  object_type         text not null,
  identity            text not null,
  class_id            oid not null,
  object_id           oid not null,
  sub_id              oid not null,
  cluster_wide        boolean not null,
  objects             bigint not null,
  since               timestamptz not null,
  first_seen_at       timestamptz not null,
  reported_at         timestamptz not null default clock_timestamp(),
  script_execution_hk bytea not null,
  acknowledged_at     timestamptz,
  acknowledged_by     name,
  reason              text
);
comment on table script_tracking_internal.untracked_change is
  'Changes of the catalog that no record accounts for, until and after they were acknowledged';
comment on column script_tracking_internal.untracked_change.objects is 'Objects that changed with it, itself included';
comment on column script_tracking_internal.untracked_change.since is 'The change was made after this moment and before first_seen_at';
create index idx_untracked_change_open
  on script_tracking_internal.untracked_change (change_id) where acknowledged_at is null;

create table script_tracking_internal.reconcile_state (
  singleton         boolean primary key default true check (singleton),
  incarnation       integer not null,
  format            integer not null,
  snapshot          pg_snapshot not null,
  passed_at         timestamptz not null,
  pass_seconds      double precision not null,
  baseline_at       timestamptz not null,
  accounted_changes bigint not null default 0,
  untracked_changes bigint not null default 0
);
comment on table script_tracking_internal.reconcile_state is
  'Last pass of the reconciler, and the incarnation and format of facts in which catalog_state holds';

insert into script_tracking_internal.setting (name, value, description) values
  ('reconcile.cluster_objects', 'on',
   'Whether this database reports untracked changes of roles, memberships, databases and tablespaces: on or off');

do $secure$
declare
  v_table text;
begin
  foreach v_table in array array['catalog_state', 'catalog_pending', 'untracked_change', 'reconcile_state'] loop
    execute format('alter table script_tracking_internal.%I enable row level security', v_table);
    execute format('alter table script_tracking_internal.%I force row level security', v_table);
    execute format(
      'create policy owner_all on script_tracking_internal.%I to script_tracking_owner using (true) with check (true)', v_table);
  end loop;
end
$secure$;
