-- The daemon's reading of the server's log.

-- name: probe
select script_tracking_internal.probe_log() as missing

-- name: position
select p.*, pg_catalog.clock_timestamp()::text as looked_at from script_tracking_internal.log_position() as p

-- name: files
select * from script_tracking_internal.log_files()

-- name: read
select script_tracking_internal.read_log({file}, {offset}, {length}) as content

-- name: attempt_pids
select script_tracking_internal.attempt_pids() as pids

-- name: merge
select moved, unsettled from script_tracking_internal.merge_log_errors({batch})
