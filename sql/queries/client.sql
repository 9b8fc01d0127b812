-- Statements of the client for applications. Each tells the server's clock, by which its operations are dated.

-- name: clock
select clock_timestamp() as at

-- name: begin
select script_tracking.track_operations({operations}::jsonb) as keys, clock_timestamp() as at

-- name: end
select script_tracking.complete_operations({completions}::jsonb) as done, clock_timestamp() as at

-- name: beat
select script_tracking.heartbeat(b.key) from unnest({keys}::bytea[]) as b (key)
