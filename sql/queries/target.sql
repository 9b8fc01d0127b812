-- Statements on one watched database.

-- name: guards
select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false),
  pg_catalog.set_config('row_security', 'on', false), pg_catalog.set_config('quote_all_identifiers', 'off', false),
  pg_catalog.set_config('lock_timeout', '200ms', false),
  -- compiling takes seconds where the collection itself takes milliseconds
  pg_catalog.set_config('jit', 'off', false),
  pg_catalog.set_config('idle_in_transaction_session_timeout', '60s', false),
  pg_catalog.set_config('statement_timeout', %(statement_timeout)s, false),
  pg_catalog.set_config('default_transaction_read_only', %(read_only)s, false)

-- name: alive
select 1 as alive

-- name: collect
select * from {function}()

-- name: limit_time
select set_config('statement_timeout', {timeout}, false)
