-- What upkeep read once of a running operation's record, it need not look up at each look.
alter table script_tracking_internal.running_operation add column allowed_seconds double precision;
comment on column script_tracking_internal.running_operation.allowed_seconds is
  'The operation''s own metadata.interrupted_after_seconds, infinity where it has none; NULL until upkeep has read it';
