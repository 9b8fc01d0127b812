-- By which an error of the server's log is held against the statements that had announced their end, as
-- idx_attempt_without_end serves those that had not: without it, every error would read the whole table.
create index idx_attempt_ended on script_tracking_internal.attempt (pid, started_at) where ended_at is not null;
