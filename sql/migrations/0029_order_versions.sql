-- The primary key of versions in the order in which they come, with entries of 28 bytes in place of 68. Whatever looks for
-- versions by their key has the start of the execution as well, from the hub, the state table or a link, and few
-- executions start within the same microsecond. So hub and state table alone are looked up by hash, and an entry for a
-- version goes to the index's last page instead of to one of its own each time. That versions of a key follow each other
-- is held by the unique index of current versions, by who writes them, and by vault_check().
-- Partitions that stand are given the new index as well, while writers wait.
alter table script_tracking.script_execution_s drop constraint script_execution_s_pkey;
alter table script_tracking.script_execution_s add primary key (execution_timestamp, version_number);
