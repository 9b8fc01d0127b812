-- Statements of the daemon that archives past partitions.

-- name: ask
select script_tracking_internal.ask_archive() as may

-- name: standing
select s.archive_id, s.upper_bound as until, s.file_name, s.file_bytes, encode(s.file_sha256, 'hex') as file_sha256, s.is_here,
  s.goes, s.is_missed
from script_tracking_internal.standing_archives({place}) as s

-- name: seen
select script_tracking_internal.note_look({archives})

-- name: guards
-- Of the transaction that they begin; the settings after row_security are those of which the lines of an archive are made.
set transaction isolation level repeatable read, read write;
select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
  pg_catalog.set_config('row_security', 'on', true), pg_catalog.set_config('quote_all_identifiers', 'off', true),
  pg_catalog.set_config('lock_timeout', '200ms', true), pg_catalog.set_config('jit', 'off', true),
  pg_catalog.set_config('synchronize_seqscans', 'off', true),
  pg_catalog.set_config('idle_in_transaction_session_timeout', '10min', true),
  pg_catalog.set_config('statement_timeout', '1h', true),
  pg_catalog.set_config('timezone', 'UTC', true), pg_catalog.set_config('datestyle', 'ISO, YMD', true),
  pg_catalog.set_config('bytea_output', 'hex', true), pg_catalog.set_config('extra_float_digits', '1', true)

-- name: open
-- Times as JSON has them, as one of them may be infinite, which Python has no value for.
select o.relation, o.partition_name, o.portal, o.row_count, o.columns, o.source, o.partition_until as until,
  to_jsonb(nullif(o.partition_from, '-infinity')) #>> '{{}}' as partition_from, to_jsonb(o.partition_until) #>> '{{}}' as partition_until,
  to_jsonb(o.first_load_date) #>> '{{}}' as first_load_date, to_jsonb(o.last_load_date) #>> '{{}}' as last_load_date
from script_tracking_internal.open_archive({again}::timestamptz[]) as o

-- name: rules
select script_tracking_internal.archived_rules({until}) as rules

-- name: fetch
fetch forward {rows} from {portal}

-- name: note
select script_tracking_internal.note_archive({until}, {files}, {place}) as noted

-- name: ledger
-- For whoever verifies archives, an auditor: the newest archive of each partition.
select distinct on (a.relation, a.partition_from, a.partition_until, a.incarnation)
  a.file_name, a.file_sha256, a.place, a.archived_at::date as archived_on
from script_tracking.get_archives() as a
order by a.relation, a.partition_from, a.partition_until, a.incarnation, a.archived_at desc
