-- requires: links/database_object_s.sql
-- Point in time: which version of an object was valid when. At a moment: where valid_from <= moment and valid_to > moment.
create or replace view script_tracking.database_object_pit with (security_barrier = true) as
select s.object_hk, s.load_date as valid_from, v.valid_to,
  s.load_date as satellite_load_date, s.script_execution_hk, s.execution_timestamp, s.object_status, s.tenant_hk
from script_tracking.database_object_s as s
cross join lateral (select coalesce(s.load_end_date, pg_catalog.make_timestamptz(9999, 12, 31, 0, 0, 0, 'UTC')) as valid_to) as v;
comment on view script_tracking.database_object_pit is
  'Point in time: the version of each object, and the execution that made it, valid from valid_from until valid_to';
