-- Statements on one watched database.

-- name: guards
-- Of the transaction that they begin, and of no session: behind a pooler that would be everybody's.
set transaction isolation level read committed, {access};
select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
  pg_catalog.set_config('row_security', 'on', true), pg_catalog.set_config('quote_all_identifiers', 'off', true),
  pg_catalog.set_config('lock_timeout', '200ms', true),
  -- compiling takes seconds where the collection itself takes milliseconds
  pg_catalog.set_config('jit', 'off', true),
  pg_catalog.set_config('idle_in_transaction_session_timeout', '60s', true),
  pg_catalog.set_config('statement_timeout', {timeout}, true)

-- name: next
-- Before a function that is called among others: when, and how long it may take; and what a sign of life is asked for.
select extract(epoch from pg_catalog.clock_timestamp())::double precision as now, pg_catalog.pg_is_in_recovery() as standby,
  pg_catalog.set_config('statement_timeout', {timeout}, true)

-- name: alive
select pg_is_in_recovery() as standby

-- name: server
select pg_is_in_recovery() as standby, current_user as role, current_setting('server_version') as version

-- name: collect_own
-- Of a function of the user's: a superuser calls none that somebody else may have written, and fails with the reason.
select format('%s() is not called as a superuser, which does not own it: connect as another role', {name})::integer
from pg_roles as r
where r.rolname = current_user and r.rolsuper and exists (
  select from pg_proc as p join pg_roles as o on o.oid = p.proowner
  where p.pronamespace = to_regnamespace(split_part({name}, '.', 1)) and p.proname = split_part({name}, '.', 2)
    and not o.rolsuper);
select * from {function}() limit {limit}

-- name: unconfirmed_copy
select script_tracking_internal.unconfirmed_copy() as copied_from

-- name: collect
select * from {function}() limit {limit}

-- name: shown_labels
select s.label, s.value from script_tracking_internal.shown_labels({tenants}, {script_types}) as s
