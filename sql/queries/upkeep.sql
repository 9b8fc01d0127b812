-- The daemon's housekeeping.

-- name: ensure_incarnation
select script_tracking_internal.ensure_incarnation() as done

-- name: roll_up
select script_tracking_internal.roll_up() as done

-- name: ensure_partitions
select script_tracking_internal.ensure_partitions() as done

-- name: interrupt_operations
select script_tracking_internal.interrupt_operations() as done
