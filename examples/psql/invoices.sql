-- psql --file invoices.sql: work in one transaction, recorded outside of it, so that the record of a failure stays.
-- The tests run it against a real server, once with success and once with a failure. Needs psql 11 or newer.
--
-- psql keeps its session between the two calls. A script that connects anew for each statement brings the time after which
-- it may be called interrupted: track_operation(..., metadata => '{"interrupted_after_seconds": 7200}')
\set QUIET on
\set ON_ERROR_STOP off
select script_tracking.track_operation('invoices', 'BATCH') as key \gset

-- "\;" sends the statements together: the first error ends them all, and :SQLSTATE is that of the error
begin \;
  create table if not exists invoices (customer integer primary key, total numeric not null) \;
  insert into invoices select customer, 100 from generate_series(1, 3) as customer \;
commit;

\if :ERROR
  \set sqlstate :SQLSTATE
  \set message :LAST_ERROR_MESSAGE
  rollback;
  select script_tracking.complete_operation(:'key', false, :'message', :'sqlstate') as recorded \gset
  \set ON_ERROR_STOP on
  do 'begin raise exception using message = ''invoices failed, see the record''; end';  -- psql exits with 3
\else
  select script_tracking.complete_operation(:'key', true) as recorded \gset
\endif
