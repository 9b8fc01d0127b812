-- What came by logical replication from another node's record says so: its columns xid and incarnation are not published, and
-- the defaults fill in. An incarnation of this database begins with 1; what is reckoned by xid counts none of 0.
alter table script_tracking.script_execution_s alter column incarnation set default 0;
comment on column script_tracking.script_execution_s.incarnation is
  'In which incarnation of this database it was written; 0: it came by logical replication from another node';
