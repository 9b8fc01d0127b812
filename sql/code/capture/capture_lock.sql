-- Nothing to read: whoever holds a lock on it has the turn, see lock_capture(). A view, because no VACUUM, ANALYZE or dump of the
-- whole database takes a lock on one, and because nothing writes to it.
create or replace view script_tracking_internal.capture_lock as select true as is_lock;
