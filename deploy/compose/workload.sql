-- A round of the demonstration's work: an operation of each tenant, one in twelve of which fails, and now and then a schema change.
\pset format unaligned
\pset tuples_only on
\o /dev/null
select :round % 6 = 5 as migrates, :round % 12 = 11 as fails \gset

select script_tracking.track_operation('invoices', 'BATCH', 'acme') as key \gset
select pg_sleep(0.05 + random() * 0.2);
select script_tracking.complete_operation(:'key', true, affected_rows => 10);

select script_tracking.track_operation('stock-import', 'IMPORT', 'globex') as key \gset
select pg_sleep(0.05 + random() * 0.2);
\if :fails
  select script_tracking.complete_operation(:'key', false, 'duplicate key value violates unique constraint', '23505');
\else
  select script_tracking.complete_operation(:'key', true, affected_rows => 100);
\endif

\if :migrates
  set script_tracking.tenant = 'acme';
  drop table if exists shop.season;
  create table shop.season (id bigint generated always as identity primary key, cents integer not null);
  alter table shop.season add column placed_at timestamptz not null default now();
  create index on shop.season (placed_at);
  -- rolled back: on record at the level `failures` and above
  begin;
  alter table shop.season drop column cents;
  rollback;
\endif
