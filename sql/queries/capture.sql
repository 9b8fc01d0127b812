-- The daemon's capture of what event triggers cannot record.

-- name: purge_attempts
select script_tracking_internal.purge_attempts() as done
