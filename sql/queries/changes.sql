-- What judges captured DDL by change windows and references.

-- name: unjudged
select u.incarnation, u.from_xid, u.to_xid, u.executions, u.is_due, u.more, u.lag_seconds
from script_tracking_internal.unjudged_ddl({versions}) as u

-- name: note
select script_tracking_internal.note_judgements({incarnation}, {from_xid}, {to_xid}, script_tracking_internal.legible_json({judgements}), {rules}) as noted
