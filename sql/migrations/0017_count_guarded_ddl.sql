-- DDL on the tracker's own schemas is refused but for the installer's and upkeep's; logged, so that it counts although the
-- statement is rolled back.
create sequence script_tracking_internal.guarded_ddl_seq;
comment on sequence script_tracking_internal.guarded_ddl_seq is 'DDL on the tracker''s schemas that was refused';
