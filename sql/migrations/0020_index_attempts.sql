-- By which an error of the server's log is held against the statements of its process, those that have announced their
-- end as well: without it, every error would read the whole table.
create index idx_attempt_pid on script_tracking_internal.attempt (pid, started_at);
drop index script_tracking_internal.idx_attempt_without_end;
