-- What noise rules kept out of the record, for as long as the comparison of the catalogs may ask who changed an object.

create table script_tracking_internal.noise_ddl (
  xid         xid8 not null default pg_current_xact_id(),
  incarnation integer not null,
  tag         text not null,
  objects     jsonb not null,
  noted_at    timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
comment on table script_tracking_internal.noise_ddl is
  'DDL that a noise rule kept out of the record, until the catalogs were compared';
-- without an identity its rows could not be deleted in a database that publishes all tables
alter table script_tracking_internal.noise_ddl replica identity full;

do $secure$
begin
  alter table script_tracking_internal.noise_ddl enable row level security;
  alter table script_tracking_internal.noise_ddl force row level security;
  create policy owner_all on script_tracking_internal.noise_ddl to script_tracking_owner using (true) with check (true);
end
$secure$;
