-- Statements on one watched database.

-- name: guards
select set_config('lock_timeout', '200ms', false), set_config('idle_in_transaction_session_timeout', '60s', false),
  set_config('statement_timeout', %(statement_timeout)s, false),
  set_config('default_transaction_read_only', %(read_only)s, false)

-- name: alive
select 1 as alive

-- name: collect
select * from {function}()

-- name: limit_time
select set_config('statement_timeout', {timeout}, false)
