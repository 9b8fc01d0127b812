-- Measuring every partition takes long where there are many: upkeep does, and the health check reads what it found.
alter table script_tracking_internal.retention_state add column storage_bytes bigint;
comment on column script_tracking_internal.retention_state.storage_bytes is
  'Size of the record when upkeep last looked at the partitions; NULL where all of it was held exclusively then';
