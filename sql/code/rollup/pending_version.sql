-- requires: rollup/ended_version.sql
-- Versions past the horizon that this snapshot sees: what every report adds to the roll-ups, in one statement with them.
create or replace view script_tracking_internal.pending_version as
select v.*
from script_tracking_internal.ended_version as v
cross join lateral (select v.xid as written_by) as x  -- a second relation: majors then print the view alike
where x.written_by >= (select r.horizon from script_tracking_internal.rollup_state as r)
  and v.incarnation = (select i.incarnation from script_tracking_internal.installation as i);
