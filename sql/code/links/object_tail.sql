-- requires: links/object_touch.sql
-- What the links do not hold yet: versions at or past their horizon, and those of a later incarnation.
create or replace view script_tracking_internal.object_tail as
select t.*
from script_tracking_internal.object_touch as t
cross join script_tracking_internal.links_state as k
where t.xid operator(pg_catalog.>=) (
    select case when l.incarnation = i.incarnation then l.horizon else '0'::xid8 end
    from script_tracking_internal.links_state as l, script_tracking_internal.installation as i)
  and (t.incarnation > k.incarnation or t.incarnation = k.incarnation and t.xid operator(pg_catalog.>=) k.horizon);
