-- Refused claims and messages only ever count up, and anybody can cause them: an acknowledgement says of them, too, how
-- far somebody has seen to them, so that the health checks can be ok again.

alter table script_tracking_internal.loss_acknowledgement
  add column refused_claims_through bigint not null default 0,
  add column refused_messages_through bigint not null default 0;
comment on table script_tracking_internal.loss_acknowledgement is
  'How far the counters of lost records, refused claims and refused messages had come when somebody had seen to them';
