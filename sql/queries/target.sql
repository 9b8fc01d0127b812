-- Statements on one watched database.

-- name: alive
select 1 as alive

-- name: collect
select * from {function}()

-- name: limit_time
select set_config('statement_timeout', {timeout}, false)
