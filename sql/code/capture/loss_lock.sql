-- Nothing to read: a lock on it keeps those who count losses apart, see count_loss(). A view, as capture_lock is one.
create or replace view script_tracking_internal.loss_lock as select true as is_lock;
